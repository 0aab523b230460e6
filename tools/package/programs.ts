/**
 * What somebody who has installed the package does with it, as files of an otherwise empty project: an ES module, a CommonJS
 * one, and a program in TypeScript that is compiled as strictly as it can be, the types of what it imports too.
 */
export const programs: Readonly<Record<string, string>> = {
  'module.mjs': `import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { quantize, schemes } from 'onnx-quantize';

const examples = join(dirname(createRequire(import.meta.url).resolve('onnx-quantize/package.json')), 'examples');
const { float, quantized } = await quantize({
  model: join(examples, 'digits.onnx'),
  output: 'digits.module.onnx',
  data: join(examples, 'digits-calib.npy'),
  preprocess: { scale: '1/16' },
  samples: 32,
  recipe: { scheme: 'mse', refine: 'none' },
});
if (quantized.sizeBytes > float.sizeBytes / 2) throw new Error('the file is not smaller than half');
console.log(schemes.map(({ name }) => name).join(' '));
`,
  'common.cjs': `const { quantize, QuantizeError, exitCodes } = require('onnx-quantize');
require('onnx-quantize/schema/result.schema.json');
require('onnx-quantize/schema/quantize.config.schema.json');

quantize({ model: 'no-such-model.onnx' }).then(
  () => process.exit(1),
  (error) => {
    if (!(error instanceof QuantizeError) || error.exitCode !== exitCodes.usage) throw error;
    console.log(error.message);
  },
);
`,
  'program.ts': `import {
  checkGates,
  type Config,
  type MetricModule,
  type QuantizeOptions,
  quantize,
  QuantizeError,
  type Result,
  readConfig,
  reporters,
} from 'onnx-quantize';

const options: QuantizeOptions = {
  model: 'model.onnx',
  data: ['ids=ids.npy', 'mask=mask.npy'],
  preprocess: { scale: '1/255', mean: [0.5] },
  recipe: { bits: 4, activations: { observer: 'mse' }, rules: [{ pattern: '/head/*', bits: 8 }] },
  gates: ['top1_drop<=0.5%', { gate: 'size<50KB', level: 'warn' }],
  onProgress: ({ step, done, total }) => console.error(step, done, total),
};
// @ts-expect-error: a width is a number.
const wrong: QuantizeOptions = { model: 'model.onnx', recipe: { bits: 'four' } };
// @ts-expect-error: there is no such option.
const unknown: QuantizeOptions = { model: 'model.onnx', colour: 'red' };

export const metric: MetricModule = { add: () => undefined, result: () => ({ one: 1 }) };

export async function run(): Promise<readonly string[]> {
  const { jobs }: Config = await readConfig();
  try {
    const result: Result = await quantize(jobs[0] ?? options ?? wrong ?? unknown);
    const accuracy: number | undefined = result.task?.quantized;
    const texts = await Promise.all(reporters.map(({ render }) => render(result)));
    return [...checkGates(result, ['sqnr>=30dB']).map(({ shown }) => shown), ...texts, String(accuracy)];
  } catch (error) {
    return error instanceof QuantizeError ? [error.code, error.message] : [];
  }
}
`,
  'tsconfig.json': `${JSON.stringify(
    {
      compilerOptions: {
        ...{ target: 'es2023', module: 'nodenext', moduleResolution: 'nodenext', types: ['node'] },
        ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
        ...{ verbatimModuleSyntax: true, skipLibCheck: false, noEmit: true },
      },
      files: ['program.ts'],
    },
    undefined,
    2,
  )}\n`,
  'package.json': '{ "name": "somebody", "private": true, "type": "module" }\n',
};
