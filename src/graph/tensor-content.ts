import { createHash } from 'node:crypto';
import { arrayOf, type Tensor } from './tensor.js';

/** A text that two tensors share where type, shape and every bit of the elements are alike. Not for strings. */
export function contentOf(tensor: Tensor): string {
  const { data } = arrayOf(tensor);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const digest = createHash('sha256').update(bytes).digest('base64');
  return `${tensor.dataType} ${tensor.dims.join('×')} ${digest}`;
}
