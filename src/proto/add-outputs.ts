import { ModelType } from './schema.js';

/**
 * A .onnx file that gives values of its main graph as outputs more; all else is as it was. A message that follows another one is merged
 * into it (https://protobuf.dev/programming-guides/encoding/#last-one-wins), so that nothing has to be decoded.
 *
 * @param file - the bytes of the file
 * @param values - none of them an output yet; the runtime finds their types itself
 */
export function addOutputs(file: Uint8Array, values: readonly string[]): Uint8Array {
  const more = ModelType.encode({ graph: { output: values.map((name) => ({ name })) } }).finish();
  return Buffer.concat([file, more]);
}
