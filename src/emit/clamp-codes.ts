import { type ClampBounds, clampBounds } from '../graph/clamp-bounds.js';
import type { Graph } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import { type AffineQuantizer, quantizeValue } from '../numerics/affine.js';
import { type Placement, roleOf } from '../place/placement.js';

/**
 * The codes that a clamp reaches: clamp commutes with the monotonic quantization, Q(clamp(x)) = clamp(Q(x)).
 * Jacob et al. 2018, §2.4: fused activations are clamps of the output's codes.
 */
export function clampCodes({ low, high }: ClampBounds, quantizer: AffineQuantizer): ClampBounds {
  const codeOf = (value: number, infinite: number) =>
    Number.isFinite(value) ? quantizeValue(value, quantizer) : infinite;
  return { low: codeOf(low, quantizer.low), high: codeOf(high, quantizer.high) };
}

/** The codes that a value reaches: those of its quantizer, within the clamp that makes it. */
export function codesWithinClamp(
  value: string,
  quantizer: AffineQuantizer,
  { graph, uses, placement }: { graph: Graph; uses: Uses; placement: Placement },
): ClampBounds {
  const producer = uses.producer(value);
  if (!producer || roleOf(placement, producer)?.kind !== 'clamp') return quantizer;
  return clampCodes(clampBounds(graph, producer), quantizer);
}
