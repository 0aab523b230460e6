import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import { elementCount } from '../../numerics/nd-array.js';
import type { QuantizedTensor } from '../quantized-tensor.js';
import { anyWidth, type Scheme, type WeightRequest } from './scheme.js';
import { fillCodes } from './uniform.js';

/**
 * Symmetric min-max: scale = max|w| / (2^(bits−1) − 1), narrow range, so that int8 codes never are −128
 * (Jacob et al. 2018, §3.1 and appendix B: products of such codes fit NEON's accumulation).
 */
export const minmax: Scheme = {
  name: 'minmax',
  summary: 'symmetric, the scale from the largest magnitude',
  widths: anyWidth,
  quantize(request: WeightRequest): QuantizedTensor {
    const { values, dims, bits, axis } = request;
    const top = Math.min(2 ** (bits - 1) - 1, request.limit);
    const channels = axis === undefined ? 1 : (dims[axis] ?? 1);
    // Elements side by side of one channel. Plain loops: a large model has some 10^9 weights.
    const run = axis === undefined ? values.length : elementCount(dims.slice(axis + 1));
    const largest = new Float64Array(channels);
    for (let i = 0; i < values.length; ) {
      for (let c = 0; c < channels; c++) {
        let most = largest[c] as number;
        for (const end = i + run; i < end; i++) {
          const magnitude = Math.abs(values[i] as number);
          if (magnitude > most) most = magnitude;
        }
        largest[c] = most;
      }
    }
    const scales = Float32Array.from(largest, (magnitude, c) =>
      Math.max(magnitude / top, request.scaleFloor[c] as number, SMALLEST_NORMAL),
    );
    const range = { low: -top, high: top };
    const codes = new Int8Array(values.length);
    for (let i = 0; i < values.length; ) {
      for (let c = 0; c < channels; c++) {
        fillCodes(values, scales[c] as number, range, codes, i, i + run);
        i += run;
      }
    }
    return { kind: 'affine', dims, codes, bits, axis, scales };
  },
};
