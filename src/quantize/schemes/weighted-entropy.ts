import { type BestFrom, bestChain } from '../../numerics/best-chain.js';
import { pricedClusters } from './priced-clusters.js';
import type { Boundaries, ClusterOptions, SortedMagnitudes } from './sorted-magnitudes.js';

/** What cluster [from, to) adds to S, times the number of weights: −Σ_n · log P_n, with Σ_n = I_n · |C_n|. */
function termOf(sorted: SortedMagnitudes, logs = logsOfShares(sorted)): (from: number, to: number) => number {
  const { counts, importances } = sorted;
  return (from, to) => {
    const importance = (importances[to] as number) - (importances[from] as number);
    const count = (counts[to] as number) - (counts[from] as number);
    // 0 · log 0 is 0.
    return count === 0 ? 0 : -importance * (logs[count] as number);
  };
}

/** Logarithms of all shares, once: a search asks for some a million times. */
function logsOfShares({ counts }: SortedMagnitudes): Float64Array {
  const total = counts.at(-1) as number;
  const logs = new Float64Array(total + 1);
  for (let count = 0; count <= total; count++) logs[count] = Math.log(count / total);
  return logs;
}

/** The last cluster's best begin, its term worked out in place: it is by far the most of the time. */
function bestClusters({ counts, importances }: SortedMagnitudes, logs: Float64Array): BestFrom {
  return (shorter, first, last, to) => {
    const importanceTo = importances[to + 1] as number;
    const countTo = counts[to + 1] as number;
    let chosen = first;
    let most = Number.NEGATIVE_INFINITY;
    for (let from = first; from <= last; from++) {
      // No cluster is empty here, since equal magnitudes are one.
      const log = logs[countTo - (counts[from + 1] as number)] as number;
      const value = (shorter[from] as number) + -(importanceTo - (importances[from + 1] as number)) * log;
      if (value > most) {
        most = value;
        chosen = from;
      }
    }
    return chosen;
  };
}

/**
 * Weighted entropy of a clustering (Park et al. 2017, §3.1): S = −Σ I_n · P_n · log P_n, I_n the mean importance w² of
 * cluster n and P_n its share of the weights.
 */
export function weightedEntropy(
  sorted: SortedMagnitudes,
  boundaries: Boundaries,
  { zeroLevel = false }: ClusterOptions = {},
): number {
  const term = termOf(sorted);
  let sum = 0;
  for (let n = zeroLevel ? 1 : 0; n + 1 < boundaries.length; n++) {
    sum += term(boundaries[n] as number, boundaries[n + 1] as number);
  }
  return sum / (sorted.counts.at(-1) as number);
}

/** Clusters that there can be: none is empty, and equal magnitudes are never split. */
const possible = ({ values }: SortedMagnitudes, clusters: number): number =>
  Math.min(clusters, values.length);

/**
 * The clustering of largest weighted entropy, exactly.
 *
 * S is a sum over contiguous clusters, and for ascending importances each term obeys the quadrangle inequality: a price on
 * clusters finds the optimum in O(D·log D), or where others are as good divide and conquer in O(K·D·log D). A split never
 * lowers S: all K clusters are used where there are K distinct magnitudes.
 *
 * @param clusters - at least 1
 */
export function exactClusters(
  sorted: SortedMagnitudes,
  clusters: number,
  { zeroLevel = false }: ClusterOptions = {},
): Boundaries {
  const distinct = sorted.values.length;
  const count = possible(sorted, clusters);
  if (count === 0) return Int32Array.of(0);
  // Of two clusters each boundary is looked at once.
  if (count > 2 && count < distinct) {
    const priced = pricedClusters(sorted, count, { zeroLevel });
    if (priced) return priced;
  }
  const logs = logsOfShares(sorted);
  const term = termOf(sorted, logs);
  // Node i is a cluster's end behind i + 1 magnitudes.
  const start = new Float64Array(distinct);
  if (!zeroLevel) for (let i = 0; i < distinct; i++) start[i] = term(0, i + 1);
  const ends = bestChain(
    start,
    count,
    (from, to) => term(from + 1, to + 1),
    undefined,
    bestClusters(sorted, logs),
  );
  return Int32Array.of(0, ...ends.map((node) => node + 1));
}

/**
 * The paper's search (Park et al. 2017, algorithm 1): from clusters of equal counts, while S rises, put each boundary
 * in turn where S is largest between its neighbours. It ends in an optimum of one boundary at a time.
 */
export function searchClusters(
  sorted: SortedMagnitudes,
  clusters: number,
  { zeroLevel = false }: ClusterOptions = {},
): Boundaries {
  const count = possible(sorted, clusters);
  const boundaries = equalCounts(sorted, count);
  const term = termOf(sorted);
  const firstTerm = (to: number) => (zeroLevel ? 0 : term(0, to));
  for (let rose = true; rose; ) {
    rose = false;
    for (let k = 1; k < count; k++) {
      const before = boundaries[k - 1] as number;
      const after = boundaries[k + 1] as number;
      const valueAt = (c: number) => (k === 1 ? firstTerm(c) : term(before, c)) + term(c, after);
      let best = boundaries[k] as number;
      let most = valueAt(best);
      for (let c = before + 1; c < after; c++) {
        const value = valueAt(c);
        if (value <= most) continue;
        [best, most] = [c, value];
        rose = true;
      }
      boundaries[k] = best;
    }
  }
  return boundaries;
}

/** Boundaries nearest below equal counts, no cluster empty. */
function equalCounts({ values, counts }: SortedMagnitudes, clusters: number): Boundaries {
  const total = counts.at(-1) as number;
  const boundaries = new Int32Array(clusters + 1);
  let at = 0;
  for (let k = 1; k <= clusters; k++) {
    at++;
    const room = values.length - (clusters - k);
    while (at < room && (counts[at + 1] as number) <= (k * total) / clusters) at++;
    boundaries[k] = at;
  }
  boundaries[clusters] = values.length;
  return boundaries;
}

/** A clustering as a quantizer: from where each cluster reaches, and what stands for it. */
export interface ClusterLevels {
  /** b_n, the least magnitude of cluster n, ascending. */
  readonly lows: Float64Array;
  /** r_n = √I_n, the root of the cluster's mean importance; 0 for a zero level. */
  readonly levels: Float64Array;
  readonly counts: Float64Array;
}

/** The representatives and the boundary values of a clustering (Park et al. 2017, §3.1). */
export function levelsOf(
  { values, counts, importances }: SortedMagnitudes,
  boundaries: Boundaries,
  { zeroLevel = false }: ClusterOptions = {},
): ClusterLevels {
  const size = boundaries.length - 1;
  const lows = new Float64Array(size);
  const levels = new Float64Array(size);
  const sizes = new Float64Array(size);
  for (let n = 0; n < size; n++) {
    const [from, to] = [boundaries[n] as number, boundaries[n + 1] as number];
    const count = (counts[to] as number) - (counts[from] as number);
    const importance = (importances[to] as number) - (importances[from] as number);
    lows[n] = values[from] as number;
    levels[n] = zeroLevel && n === 0 ? 0 : Math.sqrt(importance / count);
    sizes[n] = count;
  }
  return { lows, levels, counts: sizes };
}
