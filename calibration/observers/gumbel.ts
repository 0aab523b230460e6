import { quantizerOfEnds } from '../../src/numerics/affine.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/** Samples whose largest value a range is to hold. */
export const EXPECTED_SAMPLES = 128;

/**
 * The whole range seen, and where there are few samples as far beyond it as the largest of 128 is expected to lie.
 *
 * The largest values of samples are taken for a Gumbel distribution (Gumbel 1958, Statistics of Extremes). The expected largest of m
 * of them lies β·ln(m/n) above that of n; by moments, β = s·√6/π with the deviation s over the samples. The smallest go likewise. An
 * end that all samples share, as a clamp's, stays where it is.
 */
export const gumbel: Observer = {
  name: 'gumbel',
  summary: 'the whole range, and beyond it with few samples',
  quantizer({ min, max, samples }, bits, { symmetric } = defaultObserverSettings) {
    const seen = samples.filter((sample) => sample.min <= sample.max);
    const below = min < 0 ? beyond(seen.map((sample) => sample.min)) : 0;
    const above = max > 0 ? beyond(seen.map((sample) => sample.max)) : 0;
    return quantizerOfEnds(min - below, max + above, bits, symmetric);
  },
};

function beyond(ends: readonly number[]): number {
  const n = ends.length;
  if (n < 2 || n >= EXPECTED_SAMPLES) return 0;
  const mean = ends.reduce((sum, end) => sum + end, 0) / n;
  const variance = ends.reduce((sum, end) => sum + (end - mean) ** 2, 0) / (n - 1);
  return (Math.sqrt(6 * variance) / Math.PI) * Math.log(EXPECTED_SAMPLES / n);
}
