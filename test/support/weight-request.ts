import { seededRandom } from '../../calibration/sampling.js';
import { dequantizeTensor, type QuantizedTensor } from '../../src/quantize/quantized-tensor.js';
import type { WeightRequest } from '../../src/quantize/schemes/scheme.js';

/** A request for some weights, one scale for all but where options say otherwise. */
export function weightRequest(
  values: ArrayLike<number>,
  options: Partial<Omit<WeightRequest, 'values'>> = {},
): WeightRequest {
  const { dims = [values.length], axis } = options;
  return {
    values: Float32Array.from(values),
    dims,
    bits: 4,
    axis,
    channelsPerCodebook: axis === undefined ? undefined : 1,
    limit: 127,
    scaleFloor: new Float32Array(axis === undefined ? 1 : (dims[axis] ?? 1)),
    ...options,
  };
}

/** Normal deviates (Box and Muller 1958). */
export function normalFloats(count: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

/** Σ(w − ŵ)² of what is stored. */
export function errorOf({ values }: WeightRequest, tensor: QuantizedTensor): number {
  const stored = dequantizeTensor(tensor);
  return values.reduce((sum, w, i) => sum + (w - (stored[i] as number)) ** 2, 0);
}
