import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import { type BestFrom, bestChain } from '../../numerics/best-chain.js';
import { clamp } from '../../numerics/round.js';
import type { CodebookTensor } from '../quantized-tensor.js';
import { codebookBlocks, joinChannels, largestMagnitude, splitChannels } from './channels.js';
import { LevelChain } from './level-chain.js';
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

/** Levels, ascending, and the scales that they are used with. */
interface Fit {
  readonly scales: Float32Array;
  readonly levels: Int32Array;
  /** Σ(w − s·l)² over the channels. */
  readonly error: number;
}

/** Rounds of scale and levels in turn, at most; one that gains less than 0.1 % is the last. */
const ROUNDS = 4;
const LEAST_GAIN = 0.001;

/** What levels are chosen from. */
type Grid = Pick<WeightRequest, 'bits' | 'limit'>;

const levelCount = ({ bits, limit }: Grid): number => Math.min(2 ** bits, 2 * limit + 1);

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
    const nearest = nearestByBin(levels, limit);
    const levelOf = new Float64Array(nearest.length);
    for (let bin = 0; bin < nearest.length; bin++) levelOf[bin] = levels[nearest[bin] as number] as number;
    const improved = channels.map((weights, c) => idealScale(weights, scales[c] as number, levelOf, limit));
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

/** Which levels are asked for. */
interface Wanted {
  readonly count: number;
  readonly limit: number;
  /** With no larger error than this. */
  readonly within?: number | undefined;
  /** With no larger error than these levels have. */
  readonly known?: Int32Array | undefined;
}

/**
 * Half steps with weights, for each level: with fewer, levels that no weight uses could stand anywhere, and the search of all
 * chains says where.
 */
const FEW_PLACES = 3;

const occupied = (weights: Float64Array): number => {
  let places = 0;
  for (let bin = 1; bin < weights.length; bin++)
    if ((weights[bin] as number) > (weights[bin - 1] as number)) places++;
  return places;
};

const bestFromOf =
  (moved: Float64Array): BestFrom =>
  (shorter, first, last, to) => {
    let chosen = first;
    let most = Number.NEGATIVE_INFINITY;
    for (let from = first; from <= last; from++) {
      const value = (shorter[from] as number) + (to - from) * (moved[from + to] as number);
      if (value > most) {
        most = value;
        chosen = from;
      }
    }
    return chosen;
  };

/** Of errors, and of the sums that they are taken from: far above what sums of doubles err by, and far below any error that counts. */
const MARGIN = 1e-9;
const SUM_MARGIN = 1e-12;

/** The best levels at given scales; undefined where none have the error that is asked for. */
function fitLevels(
  channels: readonly Float32Array[],
  scales: Float32Array,
  tables: Tables,
  { count, limit, within = Number.POSITIVE_INFINITY, known }: Wanted,
): Fit | undefined {
  sumHalfSteps(channels, scales, limit, tables);
  const { weights, sums, squares, moved, end, least } = tables;
  const nodes = 2 * limit + 1;
  const total = 2 * nodes - 1;
  // Σ(u − l)² by parts: all weights at the highest level, and for each two neighbours what those below their middle
  // gain by the lower one, (u − b)² − (u − a)² = (b − a)·(a + b − 2u). The middle is half step from + to.
  for (let middle = 0; middle < moved.length; middle++)
    moved[middle] = (middle - 2 * limit) * (weights[middle] as number) - 2 * (sums[middle] as number);
  const gain = (from: number, to: number) => (to - from) * (moved[from + to] as number);
  const errorOf = (chain: Int32Array): number => {
    let error = -(end[chain[count - 1] as number] as number);
    for (let k = 1; k < count; k++) error -= gain(chain[k - 1] as number, chain[k] as number);
    return error;
  };
  // Σ(u − l)² of the weights below each level: more than the error that is asked for is what its left side must gain.
  for (let node = 0; node < nodes; node++) {
    const level = node - limit;
    const square = level * level * (weights[total] as number);
    end[node] = 2 * level * (sums[total] as number) - square - (squares[total] as number);
    const below = level * level * (weights[2 * node] as number) - 2 * level * (sums[2 * node] as number);
    least[node] = below + (squares[2 * node] as number);
  }
  const asked = known ? Math.min(within, errorOf(known.map((level) => level + limit))) : within;
  const enough =
    asked * (1 + MARGIN) +
    SUM_MARGIN * ((squares[total] as number) + limit * limit * (weights[total] as number));
  for (let node = 0; node < nodes; node++) least[node] = (least[node] as number) - enough;
  const chain =
    occupied(weights) < FEW_PLACES * count
      ? bestChain(new Float64Array(nodes), count, gain, end, bestFromOf(moved))
      : tables.chain.best(moved, end, least);
  return chain && { scales, levels: chain.map((node) => node - limit), error: errorOf(chain) };
}

/** What levels at one scale are found from; filled anew for each, since there are thousands. */
interface Tables {
  readonly chain: LevelChain;
  /** Running sums over half steps, those below each: of s², s²·(w/s) and s²·(w/s)². */
  readonly weights: Float64Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  /** For each half step, each level and each level, as `LevelChain` has them. */
  readonly moved: Float64Array;
  readonly end: Float64Array;
  readonly least: Float64Array;
}

function tablesOf(grid: Grid): Tables {
  const nodes = 2 * grid.limit + 1;
  const ofHalfSteps = () => new Float64Array(2 * nodes);
  const ofLevels = () => new Float64Array(nodes);
  return {
    chain: new LevelChain(nodes, levelCount(grid)),
    ...{ weights: ofHalfSteps(), sums: ofHalfSteps(), squares: ofHalfSteps(), moved: ofHalfSteps() },
    ...{ end: ofLevels(), least: ofLevels() },
  };
}

/** The weights in steps, summed over half steps from −limit to limit; what is beyond the ends lies in the outermost. */
function sumHalfSteps(
  channels: readonly Float32Array[],
  scales: Float32Array,
  limit: number,
  { weights, sums, squares }: Tables,
): void {
  const bins = 4 * limit + 1;
  weights.fill(0);
  sums.fill(0);
  squares.fill(0);
  channels.forEach((channel, c) => {
    const scale = scales[c] as number;
    const square = scale * scale;
    for (let i = 0; i < channel.length; i++) {
      const steps = (channel[i] as number) / scale;
      const half = Math.floor(2 * (steps + limit));
      const bin = 1 + (half < 0 ? 0 : half >= bins ? bins - 1 : half);
      weights[bin] = (weights[bin] as number) + square;
      sums[bin] = (sums[bin] as number) + square * steps;
      squares[bin] = (squares[bin] as number) + square * steps * steps;
    }
  });
  for (const list of [weights, sums, squares]) {
    for (let bin = 1; bin <= bins; bin++) list[bin] = (list[bin] as number) + (list[bin - 1] as number);
  }
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
    const level = levelOf[clamp(Math.floor(2 * (w / scale + limit)), 0, last)] as number;
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

/** The nearest of a codebook's levels, for each weight. */
function nearestIndices(
  weights: Float32Array,
  scale: number,
  nearest: Uint8Array,
  limit: number,
): Uint8Array {
  const last = nearest.length - 1;
  const indices = new Uint8Array(weights.length);
  for (let i = 0; i < indices.length; i++)
    indices[i] = nearest[clamp(Math.floor(2 * ((weights[i] as number) / scale + limit)), 0, last)] as number;
  return indices;
}

/** As many levels as there must be: the highest again where the integers are fewer. */
function padded(levels: Int32Array, length: number): number[] {
  return Array.from({ length }, (_, n) => levels[Math.min(n, levels.length - 1)] as number);
}
