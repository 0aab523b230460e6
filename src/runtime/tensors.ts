import type { ArrayType, Feed, NdArray } from '../numerics/nd-array.js';
import * as ort from './onnxruntime.js';

/** A number for a text, by FNV-1a: other texts have others, but for one pair in 2³². */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** Arrays as the runtime takes them, over the same memory. */
export const tensorsOf = (feed: Feed): Record<string, ort.Tensor> =>
  Object.fromEntries(Object.entries(feed).map(([name, array]) => [name, toRuntime(array)]));

function toRuntime(array: NdArray): ort.Tensor {
  return new ort.Tensor(array.type as ort.Tensor.Type, array.data as ort.Tensor.DataType, array.dims);
}

/** What the runtime gives as an array, over the same memory. */
export function fromRuntime(tensor: ort.Tensor): NdArray {
  if (tensor.type === 'string') {
    const data = Uint32Array.from(tensor.data as string[], hashOf);
    return { type: 'uint32', dims: tensor.dims, data, isText: true };
  }
  return { type: tensor.type as ArrayType, dims: tensor.dims, data: tensor.data as NdArray['data'] };
}
