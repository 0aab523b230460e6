/** Magnitudes in ascending order, equal ones as one, with running sums over them. */
export interface SortedMagnitudes {
  /** The distinct magnitudes, D of them. */
  readonly values: Float64Array;
  /** How many weights there are below each: D + 1 entries, the last one their number. */
  readonly counts: Float64Array;
  /** The importance, Σw², of those below each: D + 1 entries. */
  readonly importances: Float64Array;
}

/**
 * Sort magnitudes for clustering.
 *
 * @param most - with more distinct magnitudes than this, neighbours are joined, so that boundaries lie between groups of
 *   as many weights each; it bounds memory
 */
export function sortMagnitudes(magnitudes: Float64Array, most = Number.POSITIVE_INFINITY): SortedMagnitudes {
  return groupMagnitudes(magnitudes.slice().sort(), most);
}

/** The same for magnitudes that are in ascending order. */
export function groupMagnitudes(sorted: Float64Array, most = Number.POSITIVE_INFINITY): SortedMagnitudes {
  const leastShare = Math.ceil(sorted.length / most);
  const values = new Float64Array(sorted.length);
  const counts = new Float64Array(sorted.length + 1);
  const importances = new Float64Array(sorted.length + 1);
  let distinct = 0;
  let importance = 0;
  let last = Number.NaN;
  for (let i = 0; i < sorted.length; i++) {
    const w = sorted[i] as number;
    if (w !== last && (distinct === 0 || i - (counts[distinct - 1] as number) >= leastShare)) {
      values[distinct] = w;
      counts[distinct] = i;
      importances[distinct] = importance;
      distinct++;
    }
    last = w;
    importance += w * w;
  }
  counts[distinct] = sorted.length;
  importances[distinct] = importance;
  return {
    values: values.subarray(0, distinct),
    counts: counts.subarray(0, distinct + 1),
    importances: importances.subarray(0, distinct + 1),
  };
}

/**
 * Where clusters begin: c_0 = 0 < c_1 < … < c_K = D, cluster n holding the distinct magnitudes c_n … c_{n+1} − 1.
 */
export type Boundaries = Int32Array;

/** How a clustering is found. */
export interface ClusterOptions {
  /** The first cluster is the level 0, which S leaves out: the authors' code with an odd number of levels. */
  readonly zeroLevel?: boolean;
}
