import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import { channelAlong } from '../../numerics/nd-array.js';
import { clamp, roundHalfEven } from '../../numerics/round.js';
import type { QuantizedTensor } from '../quantized-tensor.js';
import type { Scheme, WeightRequest } from './scheme.js';

/**
 * Symmetric min-max: scale = max|w| / (2^(bits−1) − 1), narrow range, so that int8 codes never are −128
 * (Jacob et al. 2018, §3.1 and appendix B: products of such codes fit NEON's accumulation).
 */
export const minmax: Scheme = {
  name: 'minmax',
  summary: 'symmetric, the scale from the largest magnitude',
  quantize(request: WeightRequest): QuantizedTensor {
    const { values, dims, bits, axis } = request;
    const top = Math.min(2 ** (bits - 1) - 1, request.limit);
    const channelOf = channelAlong(dims, axis);
    const largest = new Float64Array(axis === undefined ? 1 : (dims[axis] ?? 1));
    values.forEach((w, i) => {
      const c = channelOf(i);
      largest[c] = Math.max(largest[c] as number, Math.abs(w));
    });
    const scales = Float32Array.from(largest, (magnitude, c) =>
      Math.max(magnitude / top, request.scaleFloor[c] as number, SMALLEST_NORMAL),
    );
    const codes = Int8Array.from(values, (w, i) => {
      const scale = scales[channelOf(i)] as number;
      return clamp(roundHalfEven(Math.fround(w / scale)), -top, top);
    });
    return { kind: 'affine', dims, codes, bits, axis, scales };
  },
};
