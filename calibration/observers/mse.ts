import {
  type AffineQuantizer,
  quantizerOfRange,
  SMALLEST_NORMAL,
  unsignedRange,
} from '../../src/numerics/affine.js';
import { RunningSums } from '../running-sums.js';
import type { Observer } from './observer.js';

/**
 * The (scale, zero point) of least squared error, ‖x − x̂‖² over the histogram, bins taken as evenly filled.
 *
 * The error of one candidate is a sum over its levels, from running sums of the histogram. The search goes over every
 * zero point (in strides first, where there are many) and a geometric grid of scales, refined around the best.
 */
export const mse: Observer = {
  name: 'mse',
  summary: 'the scale and zero point of least squared error',
  quantizer(statistics, bits) {
    const { min, max } = statistics;
    const whole = quantizerOfRange(min, max, bits);
    if (min === max) return whole;
    const sums = new RunningSums(statistics.distribution());
    let best: Candidate = { quantizer: whole, error: quantizationError(sums, whole) };
    const search = (zeroPoints: readonly number[]) => {
      for (const zeroPoint of zeroPoints) best = better(best, bestScale(sums, zeroPoint, min, max, bits));
    };
    const stride = zeroPointStride(bits);
    search(zeroPointsOf(min, max, bits, stride));
    if (stride > 1 && min < 0 && max > 0) search(around(best.quantizer, stride));
    return best.quantizer;
  },
};

interface Candidate {
  readonly quantizer: AffineQuantizer;
  readonly error: number;
}

const better = (a: Candidate, b: Candidate): Candidate => (b.error < a.error ? b : a);

/** Scales on the first grid, from the whole range down to the fraction below; 3 % steps. */
const SCALE_STEPS = 120;
const SMALLEST_FRACTION = 1 / 32;

/** Rounds of refinement, each over 2·8 scales between the neighbours of the best: 3 % / 8² < 0.05 %. */
const REFINEMENTS = 2;
const REFINE_STEPS = 8;

/** Zero points tried first; wider codes try every 2nd, 4th, 8th, then those around the best. */
const ZERO_POINTS = 32;

const zeroPointStride = (bits: number): number => Math.max(1, 2 ** bits / ZERO_POINTS);

function zeroPointsOf(min: number, max: number, bits: number, stride: number): number[] {
  const { low, high } = unsignedRange(bits);
  // One-sided tensors have 0 at their end.
  if (min >= 0) return [low];
  if (max <= 0) return [high];
  const zeroPoints = Array.from(
    { length: Math.floor((high - low) / stride) + 1 },
    (_, i) => low + i * stride,
  );
  return [...zeroPoints, quantizerOfRange(min, max, bits).zeroPoint];
}

function around({ zeroPoint, low, high }: AffineQuantizer, stride: number): number[] {
  const first = Math.max(low, zeroPoint - stride + 1);
  const last = Math.min(high, zeroPoint + stride - 1);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function bestScale(sums: RunningSums, zeroPoint: number, min: number, max: number, bits: number): Candidate {
  const { low, high } = unsignedRange(bits);
  // The scale at which nothing is clipped; beyond it the error only grows.
  const largest = Math.max(
    zeroPoint > low ? -min / (zeroPoint - low) : 0,
    high > zeroPoint ? max / (high - zeroPoint) : 0,
  );
  const at = (scale: number): Candidate => {
    const quantizer = { scale: Math.max(Math.fround(scale), SMALLEST_NORMAL), zeroPoint, low, high };
    return { quantizer, error: quantizationError(sums, quantizer) };
  };
  let ratio = SMALLEST_FRACTION ** (1 / SCALE_STEPS);
  let best = at(largest);
  for (let step = 1; step <= SCALE_STEPS; step++) best = better(best, at(largest * ratio ** step));
  for (let round = 0; round < REFINEMENTS; round++) {
    const centre = best.quantizer.scale;
    ratio **= 1 / REFINE_STEPS;
    for (let step = -REFINE_STEPS; step <= REFINE_STEPS; step++)
      best = better(best, at(centre * ratio ** step));
  }
  return best;
}

/** Sum of squared errors of a quantizer over the distribution: Σ over levels of M2 − 2·level·M1 + level²·M0. */
export function quantizationError(sums: RunningSums, q: AffineQuantizer): number {
  let error = 0;
  let [mass, first, second] = sums.upTo(Number.NEGATIVE_INFINITY);
  for (let code = q.low; code <= q.high; code++) {
    const level = (code - q.zeroPoint) * q.scale;
    const [nextMass, nextFirst, nextSecond] = sums.upTo(
      code === q.high ? Number.POSITIVE_INFINITY : level + q.scale / 2,
    );
    error += nextSecond - second - 2 * level * (nextFirst - first) + level * level * (nextMass - mass);
    [mass, first, second] = [nextMass, nextFirst, nextSecond];
  }
  return error;
}
