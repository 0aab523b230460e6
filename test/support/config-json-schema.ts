import { configSchema } from '../../src/config/schema.js';
import { jsonSchemaOf } from '../../src/validate/check.js';

/** The JSON Schema of a configuration, for editors: what is published. */
export const configJsonSchema = (): object => ({
  $id: 'https://json.schemastore.org/onnx-quantize.json',
  ...jsonSchemaOf(configSchema),
  title: 'quantize.config.json',
});
