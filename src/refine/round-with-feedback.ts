/** What a layer's input is like, as rounding needs it: columns in the order in which they are rounded. */
export interface Curvature {
  readonly columns: number;
  /** The columns by descending diagonal of H. */
  readonly order: Int32Array;
  /** R with H = R·Rᵀ, rows and columns in that order. */
  readonly factor: Float64Array;
}

/** Levels that a row can be rounded to, ascending. */
export type Levels = Float64Array;

/** A row rounded: the level of each column, and (q − t)·H·(q − t)ᵀ. */
export interface RoundedRow {
  readonly indices: Uint8Array;
  readonly error: number;
}

/**
 * Round a row column by column, each at what is best given the errors of those before it: GPTQ (Frantar et al. 2023), by
 * the equivalent nearest plane. With H = R·Rᵀ the error of a row is Σ_k (Σ_{j≤k} δ_j·R_jk)²; at column k all but δ_k
 * is known, so q_k is the level nearest to t_k − Σ_{j<k} δ_j·R_jk / R_kk.
 *
 * @param target - the row as it should be, one value a column in the layer's own order
 */
export function roundWithFeedback(
  target: Float64Array,
  levels: Levels,
  { columns, order, factor }: Curvature,
): RoundedRow {
  const indices = new Uint8Array(columns);
  const carried = new Float64Array(columns);
  const nearest = nearestOf(levels);
  let error = 0;
  for (let k = 0; k < columns; k++) {
    const column = order[k] as number;
    const at = k * columns;
    const diagonal = factor[at + k] as number;
    const wanted = (target[column] as number) - (carried[k] as number) / diagonal;
    const index = nearest(wanted);
    indices[column] = index;
    const level = levels[index] as number;
    error += ((level - wanted) * diagonal) ** 2;
    const delta = level - (target[column] as number);
    if (delta === 0) continue;
    for (let j = k + 1; j < columns; j++) {
      carried[j] = (carried[j] as number) + delta * (factor[at + j] as number);
    }
  }
  return { indices, error };
}

/** The error (q − t)·H·(q − t)ᵀ of any row. */
export function rowError(
  target: Float64Array,
  values: ArrayLike<number>,
  { columns, order, factor }: Curvature,
): number {
  const sums = new Float64Array(columns);
  for (let k = 0; k < columns; k++) {
    const column = order[k] as number;
    const delta = (values[column] as number) - (target[column] as number);
    if (delta === 0) continue;
    const at = k * columns;
    for (let j = k; j < columns; j++) sums[j] = (sums[j] as number) + delta * (factor[at + j] as number);
  }
  return sums.reduce((sum, value) => sum + value * value, 0);
}

/** The index of the nearest level; halfway the higher one, as among the levels of a codebook. */
function nearestOf(levels: Levels): (value: number) => number {
  const last = levels.length - 1;
  const middles = Float64Array.from(
    { length: last },
    (_, i) => ((levels[i] as number) + (levels[i + 1] as number)) / 2,
  );
  return (value) => {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value >= (middles[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
