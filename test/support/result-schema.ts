import { fileURLToPath } from 'node:url';
import { createGenerator, type Schema } from 'ts-json-schema-generator';
import { RESULT_VERSION } from '../../src/report/result.js';

/** The JSON Schema of the result record, made from its type and the comments in it. */
export function resultSchema(): Schema {
  const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
  const { definitions = {}, ...schema } = createGenerator({
    path: path('src/report/result.ts'),
    tsconfig: path('tsconfig.json'),
    type: 'Result',
    // The type checker of the repository has done it.
    skipTypeCheck: true,
    topRef: false,
    additionalProperties: false,
  }).createSchema('Result');
  const sorted = Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...schema,
    $id: `urn:onnx-quantize:result:${RESULT_VERSION}`,
    title: `Result record of onnx-quantize, version ${RESULT_VERSION}`,
    definitions: Object.fromEntries(sorted),
  };
}
