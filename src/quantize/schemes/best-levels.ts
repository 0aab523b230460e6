import { type BestFrom, bestChain } from '../../numerics/best-chain.js';
import { LevelChain } from './level-chain.js';
import { PricedChain } from './priced-chain.js';
import type { WeightRequest } from './scheme.js';

/** Levels, ascending, and the scales that they are used with. */
export interface Fit {
  readonly scales: Float32Array;
  readonly levels: Int32Array;
  /** Σ(w − s·l)² over the channels. */
  readonly error: number;
}

/** What levels are chosen from. */
export type Grid = Pick<WeightRequest, 'bits' | 'limit'>;

export const levelCount = ({ bits, limit }: Grid): number => Math.min(2 ** bits, 2 * limit + 1);

/** Which levels are asked for. */
export interface Wanted {
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
export function fitLevels(
  channels: readonly Float32Array[],
  scales: Float32Array,
  tables: Tables,
  { count, limit, within = Number.POSITIVE_INFINITY, known }: Wanted,
): Fit | undefined {
  const places = sumHalfSteps(channels, scales, limit, tables);
  const { weights, sums, squares, moved, end } = tables;
  const nodes = 2 * limit + 1;
  const total = 2 * nodes - 1;
  const gain = (from: number, to: number) => (to - from) * (moved[from + to] as number);
  const errorOf = (chain: Int32Array): number => {
    let error = -(end[chain[count - 1] as number] as number);
    for (let k = 1; k < count; k++) error -= gain(chain[k - 1] as number, chain[k] as number);
    return error;
  };
  const [weight, sum, square] = [weights[total] as number, sums[total] as number, squares[total] as number];
  for (let node = 0; node < nodes; node++) {
    const level = node - limit;
    end[node] = 2 * level * sum - level * level * weight - square;
  }
  const asked = known ? Math.min(within, errorOf(known.map((level) => level + limit))) : within;
  const doubt = SUM_MARGIN * (square + limit * limit * weight);
  const enough = asked * (1 + MARGIN) + doubt;
  let chain: Int32Array | 'none' | 'unsure' | undefined = 'unsure';
  // Where each place can have a level of its own, others can stand anywhere, and no chain is alone.
  if (places > count && count < nodes) {
    // Of levels that are dense where the cube root of the density is (Panter and Dite 1951) the last one gains a part of this.
    const spread = (sum - 2 * (sums[2 * limit] as number)) ** 2 / weight;
    const isFirst = within === Number.POSITIVE_INFINITY;
    const price = isFirst ? tables.priceShare * spread : tables.price;
    chain = tables.priced.best({ moved, end, least: -enough, margin: asked * MARGIN + doubt, price });
    tables.price = tables.priced.price;
    if (isFirst && chain instanceof Int32Array) tables.priceShare = tables.price / spread;
  }
  if (chain === 'unsure') chain = searched(places, enough, tables, { count, limit });
  if (chain === undefined || chain === 'none') return undefined;
  return { scales, levels: chain.map((node) => node - limit), error: errorOf(chain) };
}

/** The best chain by the search of all nodes, one link after another; perhaps none where its error is larger than `enough`. */
function searched(
  places: number,
  enough: number,
  { weights, sums, squares, moved, end, least, chain }: Tables,
  { count, limit }: Wanted,
): Int32Array | undefined {
  const nodes = least.length;
  if (places < FEW_PLACES * count) {
    const gain = (from: number, to: number) => (to - from) * (moved[from + to] as number);
    return bestChain(new Float64Array(nodes), count, gain, end, bestFromOf(moved));
  }
  // Σ(u − l)² of the weights below each level: more than the error that is asked for is what its left side must gain.
  for (let node = 0; node < nodes; node++) {
    const level = node - limit;
    const below = level * level * (weights[2 * node] as number) - 2 * level * (sums[2 * node] as number);
    least[node] = below + (squares[2 * node] as number) - enough;
  }
  return chain.best(moved, end, least);
}

/** What levels at one scale are found from; filled anew for each, since there are thousands. */
export interface Tables {
  readonly chain: LevelChain;
  readonly priced: PricedChain;
  /** Of a level: where it was found last, and as a part of the spread of a block's weights at the first of its scales. */
  price: number;
  priceShare: number;
  /** Running sums over half steps, those below each: of s², s²·(w/s) and s²·(w/s)². */
  readonly weights: Float64Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  /** For each half step, each level and each level, as `LevelChain` has them. */
  readonly moved: Float64Array;
  readonly end: Float64Array;
  /** The level of each half step. */
  readonly levelOf: Float64Array;
  readonly least: Float64Array;
}

export function tablesOf(grid: Grid): Tables {
  const nodes = 2 * grid.limit + 1;
  const ofHalfSteps = () => new Float64Array(2 * nodes);
  const ofLevels = () => new Float64Array(nodes);
  return {
    chain: new LevelChain(nodes, levelCount(grid)),
    priced: new PricedChain(nodes, levelCount(grid)),
    price: 1,
    // Normal weights have errors of 2.72·σ²/k², and mean magnitudes of 0.798·σ.
    priceShare: 8.5 / levelCount(grid) ** 3,
    ...{ weights: ofHalfSteps(), sums: ofHalfSteps(), squares: ofHalfSteps(), moved: ofHalfSteps() },
    ...{ end: ofLevels(), least: ofLevels(), levelOf: new Float64Array(4 * grid.limit + 1) },
  };
}

/**
 * The weights in steps, summed over half steps from −limit to limit; what is beyond the ends lies in the outermost.
 *
 * @returns half steps with weights
 */
function sumHalfSteps(
  channels: readonly Float32Array[],
  scales: Float32Array,
  limit: number,
  { weights, sums, squares, moved }: Tables,
): number {
  weights.fill(0);
  sums.fill(0);
  squares.fill(0);
  for (let c = 0; c < channels.length; c++)
    addHalfSteps(channels[c] as Float32Array, scales[c] as number, limit, weights, sums, squares);
  let places = 0;
  let [weight, sum, square] = [0, 0, 0];
  for (let bin = 0; bin < weights.length; bin++) {
    const before = weight;
    weight += weights[bin] as number;
    sum += sums[bin] as number;
    square += squares[bin] as number;
    weights[bin] = weight;
    sums[bin] = sum;
    squares[bin] = square;
    // Σ(u − l)² by parts: all weights at the highest level, and for each two neighbours what those below their middle
    // gain by the lower one, (u − b)² − (u − a)² = (b − a)·(a + b − 2u). The middle is half step from + to.
    moved[bin] = (bin - 2 * limit) * weight - 2 * sum;
    if (weight > before) places++;
  }
  return places;
}

function addHalfSteps(
  channel: Float32Array,
  scale: number,
  limit: number,
  weights: Float64Array,
  sums: Float64Array,
  squares: Float64Array,
): void {
  const last = 4 * limit;
  const square = scale * scale;
  for (let i = 0; i < channel.length; i++) {
    const steps = (channel[i] as number) / scale;
    const half = 2 * (steps + limit);
    const bin = 1 + (half > 0 ? (half < last ? half | 0 : last) : 0);
    weights[bin] = (weights[bin] as number) + square;
    const first = square * steps;
    sums[bin] = (sums[bin] as number) + first;
    squares[bin] = (squares[bin] as number) + first * steps;
  }
}
