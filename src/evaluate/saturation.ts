import { RunningSums } from '../../calibration/running-sums.js';
import type { TensorStatistics } from '../../calibration/statistics.js';
import type { ActivationQuantizer } from '../numerics/activation.js';

/**
 * Share of a value's elements that lie beyond the outermost codes that it can have, by more than half a step: those that
 * saturate rather than round. Exact but for elements that share a bin of the histogram with the bound, which count as
 * spread evenly in it.
 */
export function saturatedShare(seen: TensorStatistics, quantizer: ActivationQuantizer): number {
  const { scale, zeroPoint } = quantizer.grid;
  const { low, high } = reachedCodes(quantizer);
  const distribution = seen.distribution();
  const total = distribution.bins.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return 0;
  const [bottom, top] = [(low - 0.5 - zeroPoint) * scale, (high + 0.5 - zeroPoint) * scale];
  // Nothing is left to the interpolation where nothing is outside.
  if (seen.min >= bottom && seen.max <= top) return 0;
  const sums = new RunningSums(distribution);
  const inside = sums.upTo(top)[0] - sums.upTo(bottom)[0];
  return Math.max(0, 1 - inside / total);
}

function reachedCodes(quantizer: ActivationQuantizer): { low: number; high: number } {
  if (quantizer.kind === 'affine') return quantizer.grid;
  return { low: Math.min(...quantizer.table), high: Math.max(...quantizer.table) };
}
