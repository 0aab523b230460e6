import { addLine, addLines, LINES, ROWS_AT_ONCE } from '../numerics/symmetric.js';

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

/** A row to be rounded: its target, one value a column in the layer's own order, and its levels. */
export type RowToRound = { readonly target: Float64Array; readonly pairs?: PairLimit | undefined } & (
  | { readonly levels: Levels }
  /** Each `size` columns have levels of their own. */
  | { readonly levels: readonly Levels[]; readonly size: number }
);

/** Columns of one sign that must not sum up beyond a bound, two and two (pairs.ts). */
export interface PairLimit {
  /** For each column the one that it is added with; −1 where it stands alone. */
  readonly partners: Int32Array;
  /** What two levels of one sign may sum up to, and the distance of levels, in the units of the levels. */
  readonly bound: number;
  readonly step: number;
}

/** A row rounded: the level of each column, and (q − t)·H·(q − t)ᵀ. */
export interface RoundedRow {
  readonly indices: Uint8Array;
  readonly error: number;
}

/**
 * Round rows column by column, each at what is best given the errors of those before it: GPTQ (Frantar et al. 2023), by
 * the equivalent nearest plane. With H = R·Rᵀ the error of a row is Σ_k (Σ_{j≤k} δ_j·R_jk)²; at column k all but δ_k
 * is known, so q_k is the level nearest to t_k − Σ_{j<k} δ_j·R_jk / R_kk.
 */
export function roundWithFeedback(rows: readonly RowToRound[], curvature: Curvature): RoundedRow[] {
  const rounded: RoundedRow[] = [];
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const some = rows.slice(start, start + ROWS_AT_ONCE).map((row) => new Row(row, curvature.columns));
    for (let k = 0; k < curvature.columns; k += LINES) for (const row of some) row.round(k, curvature);
    rounded.push(...some);
  }
  return rounded;
}

class Row implements RoundedRow {
  readonly indices: Uint8Array;
  error = 0;
  readonly #target: Float64Array;
  readonly #levels: readonly Levels[];
  readonly #nearest: readonly ((value: number) => number)[];
  /** Columns that share levels. */
  readonly #size: number;
  readonly #pairs: PairLimit | undefined;
  readonly #isDone: Uint8Array;
  /** Σ_{j<k} δ_j·R_jk for each k. */
  readonly #carried: Float64Array;
  /** δ, in the order of rounding. */
  readonly #errors: Float64Array;

  constructor(row: RowToRound, columns: number) {
    this.indices = new Uint8Array(columns);
    this.#pairs = row.pairs;
    this.#isDone = new Uint8Array(row.pairs ? columns : 0);
    this.#target = row.target;
    this.#levels = 'size' in row ? row.levels : [row.levels];
    this.#nearest = this.#levels.map(nearestOf);
    this.#size = 'size' in row ? row.size : columns;
    this.#carried = new Float64Array(columns);
    this.#errors = new Float64Array(columns);
  }

  /** Round a few columns; those behind get what these carry at once. */
  round(start: number, { columns, order, factor }: Curvature): void {
    const end = Math.min(columns, start + LINES);
    for (let k = start; k < end; k++) {
      const column = order[k] as number;
      const target = this.#target[column] as number;
      const diagonal = factor[k * columns + k] as number;
      const wanted = target - (this.#carried[k] as number) / diagonal;
      const block = Math.floor(column / this.#size);
      const nearest = this.#nearest[block] as (value: number) => number;
      const index = this.#pairs ? this.#nearestBeside(column, wanted, this.#pairs) : nearest(wanted);
      this.indices[column] = index;
      const level = this.#levels[block]?.[index] as number;
      this.error += ((level - wanted) * diagonal) ** 2;
      this.#errors[k] = level - target;
      addLine(this.#carried, level - target, factor, { from: k * columns, first: k + 1, end });
    }
    addLines(this.#carried, this.#errors, factor, { from: start, to: end, first: end });
  }

  /**
   * The nearest level that leaves the pair within its bound: beside a column that is rounded, what it leaves; the first of two
   * gives up half of what both want too much, as is least in squared error.
   */
  #nearestBeside(column: number, wanted: number, { partners, bound, step }: PairLimit): number {
    const partner = partners[column] as number;
    // Weights in blocks run on floats: what has pairs has one set of levels.
    const [levels, nearest] = [this.#levels[0] as Levels, this.#nearest[0] as (value: number) => number];
    this.#isDone[column] = 1;
    if (partner < 0) return nearest(wanted);
    const isDone = this.#isDone[partner] === 1;
    const other = (isDone ? levels[this.indices[partner] as number] : this.#target[partner]) as number;
    const excess = Math.abs(wanted) + Math.abs(other) - bound;
    if (!(wanted * other > 0) || excess <= 0) return nearest(wanted);
    const room = Math.max(
      0,
      isDone ? bound - Math.abs(other) : Math.min(bound, Math.abs(wanted) - excess / 2),
    );
    let index = nearest(Math.sign(wanted) * room);
    // Levels of codebooks are not everywhere: the nearest may lie beyond.
    while (isDone && Math.abs(levels[index] as number) > room + step / 2)
      index -= Math.sign(levels[index] as number);
    return index;
  }
}

/** The error (q − t)·H·(q − t)ᵀ of any row. */
export function rowError(
  target: Float64Array,
  values: ArrayLike<number>,
  { columns, order, factor }: Curvature,
): number {
  const sums = new Float64Array(columns);
  const errors = Float64Array.from(
    order,
    (column) => (values[column] as number) - (target[column] as number),
  );
  // The factor has zeros below its diagonal.
  for (let k = 0; k < columns; k += LINES)
    addLines(sums, errors, factor, { from: k, to: Math.min(columns, k + LINES), first: k });
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
