import type { ClampBounds } from '../graph/clamp-bounds.js';
import { type AffineQuantizer, quantizeValue } from '../numerics/affine.js';

/**
 * The codes that a clamp reaches: clamp commutes with the monotonic quantization, Q(clamp(x)) = clamp(Q(x)).
 * Jacob et al. 2018, §2.4: fused activations are clamps of the output's codes.
 */
export function clampCodes({ low, high }: ClampBounds, quantizer: AffineQuantizer): ClampBounds {
  const codeOf = (value: number, infinite: number) =>
    Number.isFinite(value) ? quantizeValue(value, quantizer) : infinite;
  return { low: codeOf(low, quantizer.low), high: codeOf(high, quantizer.high) };
}
