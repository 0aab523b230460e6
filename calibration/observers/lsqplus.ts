import { type AffineQuantizer, quantizerOfRange, unsignedRange } from '../../src/numerics/affine.js';
import { RunningSums } from '../running-sums.js';
import type { Distribution, TensorStatistics } from '../statistics.js';
import { bestScaleAt, quantizationError } from './mse.js';
import {
  defaultObserverSettings,
  type LsqplusConfig,
  type Observer,
  type ObserverSettings,
  type OffsetFit,
} from './observer.js';
import { quantile } from './percentile.js';

/**
 * LSQ+ initialization of activations (Bhalgat et al. 2020, §3.3): (s, β) of least ‖x̂ − x‖² over the samples,
 * x̂ = s·round(clamp((x − β)/s, n, p)) + β, in the paper's four configurations (its table 1).
 *
 * 1 (unsigned) and 2 (signed) have β = 0. 3 and 4 differ in n alone, and s·n + β is free: they are the same quantizers, so
 * that both find the same lowest level and step. ONNX has an integer zero point in the range of the codes: β is rounded
 * to it, and the step searched again; `offsetFit` tells what that costs. The symmetric setting asks for configuration 2
 * where there are negative values and for 1 elsewhere, whatever is configured.
 */
export const lsqplus: Observer = {
  name: 'lsqplus',
  summary: 'LSQ+ initialization: scale and offset of least squared error',
  quantizer(statistics, bits, settings = defaultObserverSettings) {
    const { low, high } = unsignedRange(bits);
    const search = searchOf(statistics);
    const config = configurationOf(settings, search);
    if (config === 1) return bestScaleAt(search, bits, low);
    if (config === 2) return bestScaleAt(search, bits, 2 ** (bits - 1));
    // A constant has no step to search for.
    if (search.min === search.max) return quantizerOfRange(search.min, search.max, bits);
    const { scale, offset } = bestOffset(search, bits);
    const zeroPoint = Math.min(Math.max(-offset / scale, low), high);
    return bestOf(
      search.sums,
      [Math.floor(zeroPoint), Math.ceil(zeroPoint)].map((each) => bestScaleAt(search, bits, each)),
    );
  },
  offsetFit(statistics, bits, settings = defaultObserverSettings): OffsetFit | undefined {
    const search = searchOf(statistics);
    if (configurationOf(settings, search) < 3) return undefined;
    const rounded = lsqplus.quantizer(statistics, bits, settings);
    const best = bestOffset(search, bits);
    const [elements] = search.sums.upTo(Number.POSITIVE_INFINITY);
    // Where nothing is off, the sums leave a rounding error of either sign.
    const roundedError = Math.max(quantizationError(search.sums, rounded), 0);
    // The search is of many local optima; an integer zero point is one real offset among others.
    const kept =
      best.error <= roundedError
        ? best
        : { scale: rounded.scale, offset: -rounded.zeroPoint * rounded.scale, error: roundedError };
    const { scale, offset, error } = kept;
    return { scale, offset, error: Math.max(error, 0) / elements, roundedError: roundedError / elements };
  },
};

function configurationOf({ symmetric, lsqplusConfig }: ObserverSettings, { min }: Search): LsqplusConfig {
  if (!symmetric) return lsqplusConfig;
  return min < 0 ? 2 : 1;
}

interface Search {
  readonly sums: RunningSums;
  readonly distribution: Distribution;
  readonly min: number;
  readonly max: number;
}

function searchOf(statistics: TensorStatistics): Search {
  const distribution = statistics.distribution();
  return { sums: new RunningSums(distribution), distribution, min: distribution.min, max: distribution.max };
}

/** Step, lowest level, and the sum of squared errors. */
interface Levels {
  readonly scale: number;
  readonly offset: number;
  readonly error: number;
}

/** Ends that the search starts from: each the last one moved towards the median by this share, so many times. */
const START_SHRINK = 0.85;
const STARTS_PER_END = 25;

/** The best starts are refined; among near ties the start does not tell which ends best. */
const FINALISTS = 12;

/** Refinement ends where a step gains less than this share of the error; it never takes more rounds than this. */
const LEAST_GAIN = 1e-7;
const MOST_ROUNDS = 100;

/** (s, β) of least squared error, β any real number. */
function bestOffset({ sums, distribution, min, max }: Search, bits: number): Levels {
  const steps = unsignedRange(bits).high;
  if (min === max) return { scale: 1, offset: min, error: 0 };
  const median = quantile(distribution, 0.5);
  const ends = (end: number) =>
    Array.from({ length: STARTS_PER_END }, (_, i) => median + (end - median) * START_SHRINK ** i);
  const starts: Levels[] = [];
  for (const bottom of min === median ? [min] : ends(min)) {
    for (const top of max === median ? [max] : ends(max)) {
      starts.push(withError(sums, (top - bottom) / steps, bottom, steps));
    }
  }
  starts.sort((a, b) => a.error - b.error);
  const refined = starts.slice(0, FINALISTS).map((start) => refine(sums, start, steps));
  return refined.reduce((best, each) => (each.error < best.error ? each : best));
}

/** The quantization error with levels scale·k + offset, k = 0 … steps: a zero point need not be whole there. */
function withError(sums: RunningSums, scale: number, offset: number, steps: number): Levels {
  const quantizer = { scale, zeroPoint: -offset / scale, low: 0, high: steps };
  return { scale, offset, error: quantizationError(sums, quantizer) };
}

/**
 * Alternate: each element to its nearest level k, then (s, β) by regression of x on k. Neither step raises the error.
 */
function refine(sums: RunningSums, start: Levels, steps: number): Levels {
  let best = start;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const fitted = regress(sums, best, steps);
    if (!fitted) break;
    const next = withError(sums, fitted.scale, fitted.offset, steps);
    if (!(next.error < best.error * (1 - LEAST_GAIN))) break;
    best = next;
  }
  return best;
}

function regress(
  sums: RunningSums,
  { scale, offset }: Levels,
  steps: number,
): { scale: number; offset: number } | undefined {
  let [n, sumK, sumKK, sumX, sumKX] = [0, 0, 0, 0, 0];
  let before = sums.upTo(Number.NEGATIVE_INFINITY);
  for (let k = 0; k <= steps; k++) {
    const upTo = sums.upTo(k === steps ? Number.POSITIVE_INFINITY : offset + (k + 0.5) * scale);
    const [count, sum] = [upTo[0] - before[0], upTo[1] - before[1]];
    n += count;
    sumK += k * count;
    sumKK += k * k * count;
    sumX += sum;
    sumKX += k * sum;
    before = upTo;
  }
  const spread = sumKK - (sumK * sumK) / n;
  if (!(spread > 0)) return undefined;
  const slope = (sumKX - (sumK * sumX) / n) / spread;
  return slope > 0 ? { scale: slope, offset: (sumX - slope * sumK) / n } : undefined;
}

function bestOf(sums: RunningSums, quantizers: readonly AffineQuantizer[]): AffineQuantizer {
  const [first] = [...quantizers].sort((a, b) => quantizationError(sums, a) - quantizationError(sums, b));
  if (!first) throw new Error('there is nothing to choose from');
  return first;
}
