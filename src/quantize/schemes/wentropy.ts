import { SMALLEST_NORMAL } from '../../numerics/affine.js';
import { magnitudesBySign } from '../../numerics/magnitudes-by-sign.js';
import { clamp, roundHalfEven } from '../../numerics/round.js';
import type { CodebookTensor } from '../quantized-tensor.js';
import { codebookBlocks, joinChannels, splitChannels } from './channels.js';
import { anyWidth, type Scheme, type WeightRequest } from './scheme.js';
import {
  type Boundaries,
  type ClusterOptions,
  groupMagnitudes,
  type SortedMagnitudes,
} from './sorted-magnitudes.js';
import { type ClusterLevels, exactClusters, levelsOf, searchClusters } from './weighted-entropy.js';

/**
 * Weighted entropy (Park, Ahn and Yoo 2017, §3.1): half of the levels for negative weights, half for the others (0 among
 * them, so it becomes the smallest level above 0); each sign clustered by magnitude, so that S = −Σ I_n·P_n·log P_n is
 * largest, exactly; a cluster's level is the root of its mean importance w². Weights go to the cluster whose boundaries
 * hold them, which need not be the nearest level.
 */
export const wentropy: Scheme = weightedEntropyScheme({
  name: 'wentropy',
  summary: 'weighted entropy of Park et al. 2017, exact optimum',
  solve: exactClusters,
});

/** The same by the boundary search of the paper, which may end below the optimum. */
export const wentropySearch: Scheme = weightedEntropyScheme({
  name: 'wentropy-search',
  summary: "the same by the paper's search",
  solve: searchClusters,
});

/** The levels of `wentropy`; each weight goes to the nearest one, of either sign. */
export const wentropyNearest: Scheme = weightedEntropyScheme({
  name: 'wentropy-nearest',
  summary: 'its levels, each weight to the nearest',
  solve: exactClusters,
  nearest: true,
});

/** As in the authors' code, not in the paper: one set of magnitudes serves both signs. */
export const wentropyAuthors: Scheme = weightedEntropyScheme({
  name: 'wentropy-authors',
  summary: "one codebook of magnitudes for both signs, as in the authors' code",
  solve: exactClusters,
  bothSigns: true,
});

/**
 * The authors' code with an odd number of levels, 2^bits − 1: the smallest magnitudes become 0, a cluster that S leaves
 * out.
 */
export const wentropyAuthorsZero: Scheme = weightedEntropyScheme({
  name: 'wentropy-authors-zero',
  summary: 'the same with a level 0',
  solve: exactClusters,
  bothSigns: true,
  zeroLevel: true,
});

interface Variant extends ClusterOptions {
  readonly name: string;
  readonly summary: string;
  readonly solve: (sorted: SortedMagnitudes, clusters: number, options: ClusterOptions) => Boundaries;
  readonly nearest?: boolean;
  readonly bothSigns?: boolean;
}

/**
 * Magnitudes × clusters that are kept for the way back through the optimum: 256 MiB. Beyond it (8 million distinct
 * magnitudes a sign at 4 bits) neighbours are joined, and the optimum is that over the boundaries that are left.
 */
const MOST_STATES = 2 ** 26;

/**
 * Levels are the representatives, rounded to the integers that are stored. S does not see them, so it is that of the
 * float levels; the scale is the one that moves the levels least, in squares, each counted by its weights.
 *
 * Where channels with their own scales share a codebook, each is divided by the root of its mean square first: what is
 * clustered are weights whose mean importance is 1 in every channel.
 */
function weightedEntropyScheme(variant: Variant): Scheme {
  return {
    name: variant.name,
    summary: variant.summary,
    widths: anyWidth,
    freeLevels: true,
    quantize(request: WeightRequest): CodebookTensor {
      const { values, dims, bits, axis, channelsPerCodebook } = request;
      const channels = splitChannels(request);
      const blocks = codebookBlocks(channels.length, channelsPerCodebook);
      const coded = blocks.map(([first, end]) =>
        quantizeBlock(channels.slice(first, end), request.scaleFloor.subarray(first, end), request, variant),
      );
      return {
        kind: 'codebook',
        dims,
        indices: joinChannels(
          coded.flatMap(({ indices }) => indices),
          request,
          new Uint8Array(values.length),
        ),
        bits,
        levels: Int8Array.from(coded.flatMap(({ levels }) => levels)),
        channelsPerCodebook: blocks.length === 1 ? undefined : channelsPerCodebook,
        axis,
        scales: Float32Array.from(coded.flatMap(({ scales }) => scales)),
      };
    },
  };
}

/** The channels that share a codebook, quantized. */
interface Block {
  readonly levels: number[];
  readonly scales: number[];
  readonly indices: Uint8Array[];
}

function quantizeBlock(
  channels: readonly Float32Array[],
  floors: Float32Array,
  { bits, limit }: WeightRequest,
  variant: Variant,
): Block {
  const [lone] = channels.length === 1 ? floors : [];
  const natural = lone === undefined ? channels.map(rootMeanSquare) : [1];
  const first = clusterSigns(channels, natural, bits, variant);
  const unit = Math.max(gridUnit([first.negative, first.other], limit), lone ?? 0);
  // A channel whose scale must be larger than its share is smaller in steps: the clusters must know it so.
  const norms = natural.map((norm, c) =>
    lone === undefined ? Math.max(norm, (floors[c] as number) / unit) : norm,
  );
  const isRaised = norms.some((norm, c) => norm !== natural[c]);
  const { negative, other } = isRaised ? clusterSigns(channels, norms, bits, variant) : first;
  const round = ({ levels }: ClusterLevels) =>
    [...levels].map((r) => clamp(roundHalfEven(r / unit), 0, limit));
  const half = 2 ** (bits - 1);
  const levels = [...padded(round(other), half), ...padded(round(negative), half).map((level) => -level)];
  const scales = norms.map((norm, c) =>
    Math.fround(Math.max(norm * unit, floors[c] as number, SMALLEST_NORMAL)),
  );
  const begins = new Float64Array(2 * half).fill(Number.NaN);
  begins.set(other.lows);
  begins.set(negative.lows, half);
  const indices = channels.map((weights, c) =>
    variant.nearest
      ? nearestIndices(weights, levels, scales[c] as number)
      : clusterIndices(weights, norms[c] as number, begins),
  );
  return { levels, scales, indices };
}

/** The clusters of each sign; the same twice where one codebook serves both. */
function clusterSigns(
  channels: readonly Float32Array[],
  norms: readonly number[],
  bits: number,
  { solve, bothSigns = false, zeroLevel = false }: Variant,
): { negative: ClusterLevels; other: ClusterLevels } {
  const clusters = 2 ** (bits - 1);
  const most = Math.floor(MOST_STATES / clusters);
  const cluster = (ascending: Float64Array): ClusterLevels => {
    const sorted = groupMagnitudes(ascending, most);
    return levelsOf(sorted, solve(sorted, clusters, { zeroLevel }), { zeroLevel });
  };
  if (bothSigns) {
    const both = cluster(magnitudesOf(channels, norms, () => true).sort());
    return { negative: both, other: both };
  }
  const [lone] = channels;
  if (lone && channels.length === 1 && norms[0] === 1) {
    const { negative, others } = magnitudesBySign(lone);
    return { negative: cluster(negative), other: cluster(others) };
  }
  return {
    negative: cluster(magnitudesOf(channels, norms, (w) => w < 0).sort()),
    other: cluster(magnitudesOf(channels, norms, (w) => !(w < 0)).sort()),
  };
}

/** Magnitudes of those weights that belong, each channel's divided by its norm. */
function magnitudesOf(
  channels: readonly Float32Array[],
  norms: readonly number[],
  belongs: (w: number) => boolean,
): Float64Array {
  const magnitudes = new Float64Array(channels.reduce((sum, { length }) => sum + length, 0));
  let count = 0;
  channels.forEach((weights, c) => {
    const norm = norms[c] as number;
    for (let i = 0; i < weights.length; i++) {
      const w = weights[i] as number;
      if (belongs(w)) magnitudes[count++] = Math.abs(w) / norm;
    }
  });
  return magnitudes.slice(0, count);
}

/** The root of the mean square; 1 where all is zero. */
function rootMeanSquare(weights: Float32Array): number {
  let squares = 0;
  for (const w of weights) squares += w * w;
  return Math.sqrt(squares / Math.max(weights.length, 1)) || 1;
}

/** The width of one integer step: of those that put the largest level on an integer of the upper half, the best. */
function gridUnit(sides: readonly ClusterLevels[], limit: number): number {
  const largest = Math.max(0, ...sides.map(({ levels }) => levels.at(-1) ?? 0));
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let top = limit; top > limit / 2; top--) {
    const unit = largest / top;
    let error = 0;
    for (const { levels, counts } of sides) {
      // What is no better need not be known.
      for (let n = 0; n < levels.length && error < least; n++) {
        const r = levels[n] as number;
        error += (counts[n] as number) * (r - unit * roundHalfEven(r / unit)) ** 2;
      }
    }
    if (error < least) [best, least] = [unit, error];
  }
  return Math.max(best, SMALLEST_NORMAL);
}

/** As many levels as there must be: the last one again where there are fewer clusters, 0 where there are none. */
function padded(levels: readonly number[], length: number): number[] {
  return Array.from({ length }, (_, n) => levels[n] ?? levels.at(-1) ?? 0);
}

/**
 * The last cluster that begins at or below each weight's magnitude; the first of its sign where none does.
 *
 * @param norm - what magnitudes are divided by first
 * @param begins - of the clusters of weights not below 0, and of as many of those below, a power of two each; NaN of those that
 *   there are not
 */
function clusterIndices(weights: Float32Array, norm: number, begins: Float64Array): Uint8Array {
  const half = begins.length / 2;
  const indices = new Uint8Array(weights.length);
  for (let i = 0; i < indices.length; i++) {
    const w = weights[i] as number;
    const magnitude = Math.abs(w) / norm;
    let index = half * Number(w < 0);
    // No branches: half of them would be guessed wrongly.
    for (let part = half >> 1; part > 0; part >>= 1)
      index += part * Number(magnitude >= (begins[index + part] as number));
    indices[i] = index;
  }
  return indices;
}

/** The index of the nearest level; of two as near, the first. */
function nearestIndices(weights: Float32Array, levels: readonly number[], scale: number): Uint8Array {
  const scaled = Float64Array.from(levels, (level) => scale * level);
  const indices = new Uint8Array(weights.length);
  for (let i = 0; i < indices.length; i++) {
    const w = weights[i] as number;
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < scaled.length; index++) {
      const distance = Math.abs(w - (scaled[index] as number));
      if (distance < least) {
        least = distance;
        best = index;
      }
    }
    indices[i] = best;
  }
  return indices;
}
