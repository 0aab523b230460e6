import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import type { CodebookTensor } from '../quantized-tensor.js';
import { type Fit, fitLevels, type Grid, levelCount, type Tables, tablesOf } from './best-levels.js';
import { codebookBlocks, joinChannels, largestMagnitude, splitChannels } from './channels.js';
import { uniformScale } from './mse.js';
import { anyWidth, type Scheme, type WeightRequest } from './scheme.js';
import { fullRange } from './uniform.js';

/**
 * The codebook of least squared error: one-dimensional k-means (Lloyd 1982), solved exactly by dynamic programming (Wu
 * 1991; Wang and Song 2011), not by iteration.
 *
 * The levels are those that are stored: which 2^bits of the integers ±limit to take, at a given scale, is what is
 * optimized, exactly, with every weight at the nearest one. The cost of the weights between two neighbouring levels
 * depends on these two alone and obeys the quadrangle inequality, so a program over the integers finds the optimum.
 *
 * The scale is tried at two values: the largest weight on the largest integer, and that of the uniform scheme `mse` (or
 * the part of it that puts its levels on integers), so that a lone channel is never worse than there. Then scale and
 * levels are improved in turn: finer searches of the scale gained less than 0.1 % of the squared error on a ResNet-20.
 *
 * Where channels with their own scales share a codebook, the errors are those of the weights, not of the steps: a
 * channel counts by the square of its scale.
 */
export const kmeans: Scheme = {
  name: 'kmeans',
  summary: 'the codebook of least squared error',
  widths: anyWidth,
  freeLevels: true,
  quantize(request: WeightRequest): CodebookTensor {
    const { values, dims, bits, axis, channelsPerCodebook } = request;
    const channels = splitChannels(request);
    const blocks = codebookBlocks(channels.length, channelsPerCodebook);
    const tables = tablesOf(request);
    const fitted = blocks.map(([first, end]) => {
      const block = channels.slice(first, end);
      return fitBlock(block, request.scaleFloor.subarray(first, end), request, tables);
    });
    const levels = fitted.map((fit) => fit.levels);
    const scales = Float32Array.from(fitted.flatMap((fit) => [...fit.scales]));
    const nearest = levels.map((book) => nearestByBin(book, request.limit));
    const indices = channels.map((weights, c) => {
      const ofBook = nearest[Math.floor(c / (channelsPerCodebook ?? channels.length))] as Uint8Array;
      return nearestIndices(weights, scales[c] as number, ofBook, request.limit);
    });
    return {
      kind: 'codebook',
      dims,
      indices: joinChannels(indices, request, new Uint8Array(values.length)),
      bits,
      levels: Int8Array.from(levels.flatMap((book) => padded(book, 2 ** bits))),
      channelsPerCodebook: blocks.length === 1 ? undefined : channelsPerCodebook,
      axis,
      scales,
    };
  },
};

/** Rounds of scale and levels in turn, at most; one that gains less than 0.1 % is the last. */
const ROUNDS = 4;
const LEAST_GAIN = 0.001;

function fitBlock(
  channels: readonly Float32Array[],
  floors: Float32Array,
  { bits, limit }: WeightRequest,
  tables: Tables,
): Fit {
  const stored = (scale: number, c: number) =>
    Math.fround(Math.max(scale, floors[c] as number, SMALLEST_NORMAL));
  const count = levelCount({ bits, limit });
  const widest = Float32Array.from(channels, (weights, c) => stored(largestMagnitude(weights) / limit, c));
  const uniform = uniformStart(channels, floors, bits, limit).map(stored);
  const grid = { count, limit };
  const other = fitLevels(channels, uniform, tables, {
    ...grid,
    known: uniformLevels({ bits, limit }),
  }) as Fit;
  // What is worse need not be known.
  let best = fitLevels(channels, widest, tables, { ...grid, within: other.error }) ?? other;
  if (other.error < best.error) best = other;
  // Each weight has a level of its own, as in most depthwise layers: only the grid is left to round to.
  if (channels.reduce((sum, { length }) => sum + length, 0) <= count) return best;
  for (let round = 0; round < ROUNDS; round++) {
    const { levels, scales } = best;
    levelOfBin(levels, limit, tables.levelOf);
    const improved = channels.map((weights, c) =>
      idealScale(weights, scales[c] as number, tables.levelOf, limit),
    );
    const bounds = { within: best.error, known: levels };
    const fit = fitLevels(channels, Float32Array.from(improved, stored), tables, { ...grid, ...bounds });
    if (!fit) break;
    const gained = best.error - fit.error;
    if (gained > 0) best = fit;
    if (gained <= LEAST_GAIN * best.error) break;
  }
  return best;
}

/** How many integers each level of `mse` is from the next, at most. */
const stepOf = (grid: Grid): number => Math.max(1, Math.floor(grid.limit / -fullRange(grid).low));

/** The levels of `mse` on integers; undefined where they are not as many as are chosen. */
function uniformLevels(grid: Grid): Int32Array | undefined {
  const { low, high } = fullRange(grid);
  const step = stepOf(grid);
  const levels = Int32Array.from({ length: high - low + 1 }, (_, k) => step * (low + k));
  const fits = levels.length === levelCount(grid) && step * Math.max(-low, high) <= grid.limit;
  return fits ? levels : undefined;
}

/** Scales at which integers hold the levels of `mse`. */
function uniformStart(
  channels: readonly Float32Array[],
  floors: Float32Array,
  bits: number,
  limit: number,
): Float32Array {
  const range = fullRange({ bits, limit });
  const parts = stepOf({ bits, limit });
  return Float32Array.from(channels, (weights, c) => {
    const least = Math.max(floors[c] as number, SMALLEST_NORMAL);
    return uniformScale(weights, range, least) / parts;
  });
}

/**
 * The scale of least squared error for levels that each weight keeps: Σw·l / Σl².
 *
 * @param levelOf - the nearest level for each half step
 */
function idealScale(weights: Float32Array, scale: number, levelOf: Float64Array, limit: number): number {
  const last = levelOf.length - 1;
  let products = 0;
  let squares = 0;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i] as number;
    const half = 2 * (w / scale + limit);
    const level = levelOf[half > 0 ? (half < last ? half | 0 : last) : 0] as number;
    products += w * level;
    squares += level * level;
  }
  return squares > 0 && products > 0 ? products / squares : scale;
}

/** The nearest of ascending levels, for each half step from −limit on; halfway, the higher one. */
function nearestByBin(levels: Int32Array, limit: number): Uint8Array {
  const nearest = new Uint8Array(4 * limit + 1);
  let index = 0;
  for (let bin = 0; bin < nearest.length; bin++) {
    // The middle of two levels is a multiple of half a step, so a bin has one nearest level.
    while (
      index + 1 < levels.length &&
      (levels[index] as number) + (levels[index + 1] as number) + 2 * limit <= bin
    ) {
      index++;
    }
    nearest[bin] = index;
  }
  return nearest;
}

/** The same, as levels. */
function levelOfBin(levels: Int32Array, limit: number, levelOf: Float64Array): void {
  let bin = 0;
  for (let index = 0; index < levels.length; index++) {
    const level = levels[index] as number;
    const next = levels[index + 1];
    const end = next === undefined ? levelOf.length : level + next + 2 * limit;
    for (; bin < end; bin++) levelOf[bin] = level;
  }
}

/** The nearest of a codebook's levels, for each weight. */
function nearestIndices(
  weights: Float32Array,
  scale: number,
  nearest: Uint8Array,
  limit: number,
): Uint8Array {
  const last = nearest.length - 1;
  const indices = new Uint8Array(weights.length);
  for (let i = 0; i < indices.length; i++) {
    const half = 2 * ((weights[i] as number) / scale + limit);
    indices[i] = nearest[half > 0 ? (half < last ? half | 0 : last) : 0] as number;
  }
  return indices;
}

/** As many levels as there must be: the highest again where the integers are fewer. */
function padded(levels: Int32Array, length: number): number[] {
  return Array.from({ length }, (_, n) => levels[Math.min(n, levels.length - 1)] as number);
}
