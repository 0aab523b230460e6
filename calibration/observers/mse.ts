import {
  type AffineQuantizer,
  quantizerOfEnds,
  SMALLEST_NORMAL,
  unsignedRange,
} from '../../src/numerics/affine.js';
import { type Moments, RunningSums } from '../running-sums.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/**
 * How much the error of an element beyond the range counts, by the width of the codes. At 8 bits there are levels to spare, and
 * samples of use go beyond those of calibration; with fewer, every level counts (docs/observers.md has the measurements).
 */
export const clippingWeight = (bits: number): number => (bits < 8 ? 1 : 10);

/**
 * The (scale, zero point) of least squared error, ‖x − x̂‖² over the histogram, bins taken as evenly filled; at 8 bits what is
 * clipped counts tenfold.
 *
 * The error of one candidate is a sum over its levels, from running sums of the histogram. Every zero point is tried on
 * a coarse grid of scales; the best of them on a fine one.
 */
export const mse: Observer = {
  name: 'mse',
  summary: 'the scale and zero point of least squared error',
  quantizer(statistics, bits, { symmetric } = defaultObserverSettings) {
    const { min, max } = statistics;
    const whole = quantizerOfEnds(min, max, bits, symmetric);
    if (min === max) return whole;
    const sums = new RunningSums(statistics.distribution());
    const search = { sums, min, max, clipping: clippingWeight(bits), ...unsignedRange(bits) };
    let best = at(search, whole);
    const candidates: Candidate[] = [];
    for (const zeroPoint of symmetric ? [whole.zeroPoint] : zeroPointsOf(whole, min, max)) {
      const candidate = bestScale(search, zeroPoint, COARSE, best.error);
      candidates.push(candidate);
      best = better(best, candidate);
    }
    candidates.sort((a, b) => a.error - b.error);
    for (const { quantizer } of candidates.slice(0, FINALISTS)) {
      best = better(best, bestScale(search, quantizer.zeroPoint, FINE, best.error));
    }
    return polish(search, best).quantizer;
  },
};

/** The scale of least squared error for one zero point. */
export function bestScaleAt(
  { sums, min, max }: { readonly sums: RunningSums; readonly min: number; readonly max: number },
  bits: number,
  zeroPoint: number,
): AffineQuantizer {
  const search = { sums, min, max, clipping: 1, ...unsignedRange(bits) };
  const { low, high } = search;
  // All is 0, or clipped to 0 where the range is on the one side and the codes on the other, whatever the step.
  if (!(unclippedScale(search, zeroPoint) > 0)) return { scale: 1, zeroPoint, low, high };
  const coarse = bestScale(search, zeroPoint, COARSE, Number.POSITIVE_INFINITY);
  return polish(search, better(coarse, bestScale(search, zeroPoint, FINE, coarse.error))).quantizer;
}

interface Candidate {
  readonly quantizer: AffineQuantizer;
  readonly error: number;
}

/** What is searched: a distribution, its range, and the range of the codes. */
interface Search {
  readonly sums: RunningSums;
  readonly min: number;
  readonly max: number;
  readonly low: number;
  readonly high: number;
  /** What the error of an element beyond the outermost levels counts. */
  readonly clipping: number;
}

/** A geometric grid of scales, downwards from a multiple of the scale at which nothing is clipped. */
interface Grid {
  readonly from: number;
  /** Relative distance of two scales. */
  readonly step: number;
}

const COARSE: Grid = { from: 1, step: 0.03 };

/**
 * Where values are few and discrete (pixels, saturated ends), the error jumps as they meet levels: within half a level
 * of 8 bits, 0.2 % of the scale, and also where no value is clipped. Beyond twice that scale all repeats: half of such a
 * scale has its levels, too.
 */
const FINE: Grid = { from: 2, step: 0.001 };

/** Zero points that are tried on the fine grid: on the coarse one the order of near ties is not certain. */
const FINALISTS = 8;

/** Scales tried on each side of the best, within a step of the fine grid: 0.1 % / 8. */
const POLISH_STEPS = 8;

const better = (a: Candidate, b: Candidate): Candidate => (b.error < a.error ? b : a);

/** Every zero point that can be best, the most promising first. One-sided tensors have 0 at their end. */
function zeroPointsOf({ zeroPoint, low, high }: AffineQuantizer, min: number, max: number): number[] {
  if (min >= 0) return [low];
  if (max <= 0) return [high];
  const distance = (candidate: number) => Math.abs(candidate - zeroPoint);
  return Array.from({ length: high - low + 1 }, (_, i) => low + i).sort((a, b) => distance(a) - distance(b));
}

/** The least scale at which the codes of one zero point reach both ends that they have a side for; 0 where none is. */
function unclippedScale({ min, max, low, high }: Search, zeroPoint: number): number {
  return Math.max(
    zeroPoint > low ? -min / (zeroPoint - low) : 0,
    high > zeroPoint ? max / (high - zeroPoint) : 0,
  );
}

/** The best scale of one zero point on a grid, down to where clipping alone is worse than the error to beat. */
function bestScale(search: Search, zeroPoint: number, { from, step }: Grid, toBeat: number): Candidate {
  const { sums, low, high, clipping } = search;
  const unclipped = unclippedScale(search, zeroPoint);
  let best = at(search, { scale: unclipped, zeroPoint, low, high });
  for (let scale = from * unclipped; scale >= SMALLEST_NORMAL; scale /= 1 + step) {
    const quantizer = { scale, zeroPoint, low, high };
    if (clipping * clippingError(sums, quantizer) > Math.min(best.error, toBeat)) break;
    best = better(best, at(search, quantizer));
  }
  return best;
}

function polish(search: Search, { quantizer, error }: Candidate): Candidate {
  let best: Candidate = { quantizer, error };
  for (let i = -POLISH_STEPS; i <= POLISH_STEPS; i++) {
    const scale = quantizer.scale * (1 + (FINE.step * i) / POLISH_STEPS);
    best = better(best, at(search, { ...quantizer, scale }));
  }
  return best;
}

/** A quantizer with the scale as it is stored, and its error. */
function at({ sums, clipping }: Search, q: AffineQuantizer): Candidate {
  const quantizer = { ...q, scale: Math.max(Math.fround(q.scale), SMALLEST_NORMAL) };
  return { quantizer, error: clippedError(sums, quantizer, clipping) };
}

/** The same as {@link quantizationError}, elements beyond the outermost levels counted so many times. */
export function clippedError(sums: RunningSums, quantizer: AffineQuantizer, clipping: number): number {
  const more = clipping > 1 ? (clipping - 1) * clippingError(sums, quantizer) : 0;
  return quantizationError(sums, quantizer) + more;
}

/**
 * Sum of squared errors of a quantizer over the distribution.
 *
 * Σ over levels l of Σ (x − l)², summed by parts: with the topmost level h and the thresholds t halfway between levels,
 * Σ (x − h)² − 2·scale·Σ over t of Σ over x < t of (t − x). One look-up a level, and nothing else in the inner loop.
 */
export function quantizationError(
  sums: RunningSums,
  { scale, zeroPoint, low, high }: AffineQuantizer,
): number {
  const top = (high - zeroPoint) * scale;
  const shortfalls = sums.shortfalls(scale, zeroPoint, low, high);
  return squaredDistance(none, sums.upTo(Number.POSITIVE_INFINITY), top) - 2 * scale * shortfalls;
}

const none: Moments = [0, 0, 0];

/** The part of the error that is of elements beyond the outermost levels. It only grows as the scale falls. */
function clippingError(sums: RunningSums, { scale, zeroPoint, low, high }: AffineQuantizer): number {
  const bottom = (low - zeroPoint) * scale;
  const top = (high - zeroPoint) * scale;
  const below = squaredDistance(none, sums.upTo(bottom), bottom);
  return below + squaredDistance(sums.upTo(top), sums.upTo(Number.POSITIVE_INFINITY), top);
}

/** Σ (x − level)² over the elements between two cuts. */
function squaredDistance(from: Moments, to: Moments, level: number): number {
  return to[2] - from[2] - 2 * level * (to[1] - from[1]) + level * level * (to[0] - from[0]);
}
