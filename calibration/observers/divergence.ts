import {
  type AffineQuantizer,
  quantizerOfRange,
  symmetricQuantizer,
  unsignedRange,
} from '../../src/numerics/affine.js';
import type { Distribution, TensorStatistics } from '../statistics.js';
import type { DivergenceVariant } from './divergence-variant.js';
import { magnitudes } from './magnitudes.js';
import { NearDivergence } from './near-divergence.js';
import { defaultObserverSettings, type ObserverSettings } from './observer.js';

/** Bins of |x| between 0 and its maximum, as TensorRT and ncnn have them. */
export const MAGNITUDE_BINS = 2048;

/**
 * The range whose quantized image is least divergent: with P the first t bins of |x|, the mass behind them added to the
 * last, and Q those bins as they are, squeezed into the levels and expanded again, the t of least KL(P ‖ Q).
 * The threshold is T = (t + ½)·max|x| / 2048, but no more than max|x|.
 *
 * Levels: 2^(bits−1) for tensors with negative values, 2^bits for those without. An affine range is [min, max] cut at ±T.
 */
export function leastDivergent(
  statistics: TensorStatistics,
  bits: number,
  variant: DivergenceVariant,
  { symmetric }: ObserverSettings = defaultObserverSettings,
): AffineQuantizer {
  const { min, max } = statistics;
  const isSigned = min < 0;
  const magnitude = Math.max(Math.abs(min), Math.abs(max));
  const histogram = magnitudeHistogram(statistics.distribution(), MAGNITUDE_BINS);
  const levels = isSigned ? 2 ** (bits - 1) : unsignedRange(bits).high + 1;
  const bins = leastDivergentBins(histogram, levels, variant);
  // Half a bin beyond the maximum holds nothing, and beyond the largest float32 there is no scale for it.
  const threshold = Math.min(((bins + 0.5) * magnitude) / MAGNITUDE_BINS, magnitude);
  return symmetric
    ? symmetricQuantizer(threshold, isSigned, bits)
    : quantizerOfRange(Math.max(min, -threshold), Math.min(max, threshold), bits);
}

/**
 * Counts of |x| in equal bins from 0 to its maximum, exact zeros left out. The counts are whole numbers, by rounding their
 * running sum: a lone element stays in one bin, which the divergence of a sparse tail depends on.
 */
export function magnitudeHistogram(distribution: Distribution, bins: number): Float64Array {
  const { bins: parts, max } = magnitudes(distribution);
  // The bin that starts at 0 holds zeros, and denormals that no histogram tells from them.
  const rest = parts.filter(({ low }) => low > 0);
  const histogram = new Float64Array(bins);
  let next = 0;
  let before = 0;
  let written = 0;
  for (let bin = 0; bin < bins; bin++) {
    const edge = bin === bins - 1 ? Number.POSITIVE_INFINITY : ((bin + 1) / bins) * max;
    for (let part = rest[next]; part && part.high < edge; part = rest[++next]) before += part.count;
    const cut = rest[next];
    const share = cut && cut.low < edge ? (edge - cut.low) / (cut.high - cut.low) : 0;
    const below = Math.round(before + share * (cut?.count ?? 0));
    histogram[bin] = below - written;
    written = below;
  }
  return histogram;
}

/**
 * The number of bins kept, from `levels` on, at which KL(P ‖ Q) is least; the first of equals. All of them where all
 * magnitudes are in one bin (constants, masks of 0 and 1): there is no shape to compare, and ties would clip them most.
 */
export function leastDivergentBins(
  histogram: Float64Array,
  levels: number,
  variant: DivergenceVariant,
): number {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (histogram.includes(total)) return histogram.length;
  const masses = histogram.map((count) => count / total);
  let kept = 0;
  const tails = masses.map((mass) => {
    kept += mass;
    return 1 - kept;
  });
  let best = levels;
  let least = Number.POSITIVE_INFINITY;
  for (const t of nearlyLeast(masses, tails, levels, variant)) {
    const divergence = divergenceAt(masses, t, levels, tails[t - 1] as number, variant);
    if (divergence < least) [least, best] = [divergence, t];
  }
  return best;
}

/** Divergences that are no further apart may be in another order: a thousand times what those of `NearDivergence` are off by. */
const MARGIN = 1e-9;

/** The numbers of bins among which the least divergent one is, ascending. */
function nearlyLeast(
  masses: Float64Array,
  tails: Float64Array,
  levels: number,
  variant: DivergenceVariant,
): number[] {
  const near = new NearDivergence(masses, levels, variant);
  const found: { t: number; divergence: number }[] = [];
  let least = Number.POSITIVE_INFINITY;
  // Where few bins are kept, the tail alone tells that more are better.
  for (let t = variant.last; t >= levels; t--) {
    const tail = tails[t - 1] as number;
    if (near.atLeast(t, tail) > least + MARGIN) continue;
    const divergence = near.at(t, tail);
    if (divergence > least + MARGIN) continue;
    found.push({ t, divergence });
    if (divergence < least) least = divergence;
  }
  return found
    .filter(({ divergence }) => divergence <= least + MARGIN)
    .map(({ t }) => t)
    .reverse();
}

/** KL(P ‖ Q) for the first `t` bins; infinite where Q has nothing and P has something. */
export function divergenceAt(
  masses: Float64Array,
  t: number,
  levels: number,
  tail: number,
  { spread, epsilon, normalized }: DivergenceVariant,
): number {
  const expanded = squeezeAndExpand(masses, t, levels, spread);
  let massP = 0;
  let massQ = 0;
  let sum = 0;
  for (let k = 0; k < t; k++) {
    const p = (masses[k] as number) + (k === t - 1 ? Math.max(tail, 0) : 0) + epsilon;
    const q = (expanded[k] as number) + epsilon;
    massP += p;
    massQ += q;
    if (p <= 0) continue;
    if (q <= 0) return Number.POSITIVE_INFINITY;
    sum += p * Math.log(p / q);
  }
  // KL of P/|P| and Q/|Q| from the sums over P and Q.
  return normalized ? sum / massP - Math.log(massP / massQ) : sum;
}

/** Squeeze `t` bins into `levels` equal parts, bins on an edge shared in proportion, and expand them again. */
function squeezeAndExpand(
  masses: Float64Array,
  t: number,
  levels: number,
  spread: DivergenceVariant['spread'],
): Float64Array {
  const expanded = new Float64Array(t);
  const width = t / levels;
  for (let level = 0; level < levels; level++) {
    const from = level * width;
    const to = level === levels - 1 ? t : from + width;
    const [first, last] = [Math.floor(from), Math.min(Math.ceil(to), t)];
    let mass = 0;
    let room = 0;
    for (let k = first; k < last; k++) {
      const overlap = Math.min(k + 1, to) - Math.max(k, from);
      mass += overlap * (masses[k] as number);
      if (spread === 'even' || (masses[k] as number) > 0) room += overlap;
    }
    if (room <= 0) continue;
    for (let k = first; k < last; k++) {
      if (spread === 'filled' && (masses[k] as number) === 0) continue;
      const overlap = Math.min(k + 1, to) - Math.max(k, from);
      expanded[k] = (expanded[k] as number) + (overlap * mass) / room;
    }
  }
  return expanded;
}
