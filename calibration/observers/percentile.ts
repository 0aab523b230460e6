import { quantizerOfRange, symmetricQuantizer } from '../../src/numerics/affine.js';
import type { Distribution } from '../statistics.js';
import { magnitudes } from './magnitudes.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/**
 * The range that holds a share of the elements. The rest is cut off by halves at both ends, as in onnxruntime's percentile
 * calibration; all of it at the one end where the other is 0, and from the magnitudes where the range is symmetric.
 */
export const percentile: Observer = {
  name: 'percentile',
  summary: 'the range that holds a share of the elements, 99.99 % by default',
  quantizer(statistics, bits, settings = defaultObserverSettings) {
    const share = settings.percentile / 100;
    const distribution = statistics.distribution();
    if (settings.symmetric) {
      const magnitude = quantile(magnitudes(distribution), share);
      return symmetricQuantizer(magnitude, statistics.min < 0, bits);
    }
    // The range holds 0 in any case.
    if (statistics.min >= 0) return quantizerOfRange(0, quantile(distribution, share), bits);
    if (statistics.max <= 0) return quantizerOfRange(quantile(distribution, 1 - share), 0, bits);
    const cut = (1 - share) / 2;
    return quantizerOfRange(quantile(distribution, cut), quantile(distribution, 1 - cut), bits);
  },
};

/** The value that a share of the elements is below, within a bin in proportion. */
export function quantile({ bins, min, max }: Distribution, share: number): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const wanted = share * total;
  if (wanted <= 0) return min;
  let below = 0;
  for (const { low, high, count } of bins) {
    if (below + count >= wanted) return low + ((wanted - below) / count) * (high - low);
    below += count;
  }
  return max;
}
