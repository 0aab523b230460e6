import { RunningSums } from '../../calibration/running-sums.js';
import type { TensorStatistics } from '../../calibration/statistics.js';
import type { ActivationQuantizer } from '../numerics/activation.js';

/**
 * Share of a value's elements that lie beyond the outermost codes that it can have, by more than half a step: those that
 * saturate rather than round. Exact but for elements that share a bin of the histogram with the bound, which count as
 * spread evenly in it.
 */
export function saturatedShare(seen: TensorStatistics, quantizer: ActivationQuantizer): number {
  const { min: bottom, max: top } = heldRange(quantizer);
  const distribution = seen.distribution();
  const total = distribution.bins.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return 0;
  // Nothing is left to the interpolation where nothing is outside.
  if (seen.min >= bottom && seen.max <= top) return 0;
  const sums = new RunningSums(distribution);
  const inside = sums.upTo(top)[0] - sums.upTo(bottom)[0];
  return Math.max(0, 1 - inside / total);
}

/** What a quantizer rounds: half a step beyond its outermost codes it clips. */
export function heldRange(quantizer: ActivationQuantizer): { min: number; max: number } {
  const { scale, zeroPoint } = quantizer.grid;
  const { low, high } = reachedCodes(quantizer);
  return { min: (low - 0.5 - zeroPoint) * scale, max: (high + 0.5 - zeroPoint) * scale };
}

function reachedCodes(quantizer: ActivationQuantizer): { low: number; high: number } {
  if (quantizer.kind === 'affine') return quantizer.grid;
  return { low: Math.min(...quantizer.table), high: Math.max(...quantizer.table) };
}
