import protobuf from 'protobufjs';
import { reasonOf } from '../errors.js';
import { arrayOf, floatsOf } from '../graph/tensor.js';
import { DecodeError, decodeTensor } from './decode.js';
import type { TensorMessage } from './messages.js';
import { TensorType } from './schema.js';

/**
 * The bytes of a TensorProto, as ONNX test data have them in `input_0.pb`. The 16-bit floats become the float32 of the
 * same value.
 *
 * @throws DecodeError where the bytes are none, or its elements do not fit its shape or stand in another file
 */
export function decodeTensorFile(bytes: Uint8Array): { name: string; array: ReturnType<typeof arrayOf> } {
  try {
    const message = TensorType.decode(protobuf.Reader.create(bytes)) as TensorMessage;
    const name = message.name ?? '';
    const tensor = decodeTensor(message, name);
    const isHalf = tensor.dataType === 'float16' || tensor.dataType === 'bfloat16';
    const array: ReturnType<typeof arrayOf> = isHalf
      ? { type: 'float32', dims: tensor.dims, data: floatsOf(tensor) }
      : arrayOf(tensor);
    const count = array.dims.reduce((product, dim) => product * dim, 1);
    if (array.data.length !== count)
      throw new DecodeError(
        `it has ${array.data.length} elements, where its shape [${array.dims}] needs ${count}`,
      );
    return { name, array };
  } catch (thrown) {
    throw thrown instanceof DecodeError ? thrown : new DecodeError(reasonOf(thrown), { cause: thrown });
  }
}
