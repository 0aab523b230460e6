import { nearestPowerOfTwo, SMALLEST_NORMAL } from '../numerics/affine.js';
import { bestChain } from '../numerics/best-chain.js';
import { roundHalfEven } from '../numerics/round.js';
import { addChosen, dot, timesSymmetric } from '../numerics/symmetric.js';
import { solveRows, upperFactor } from '../numerics/upper-factor.js';
import type { Hessian } from './hessian.js';
import { type Levels, type PairLimit, type RoundedRow, roundWithFeedback } from './round-with-feedback.js';

/** A row of weights as it is stored: real = scale · level[index]. */
export interface StoredRow {
  readonly indices: Uint8Array;
  /** Integers, ascending. */
  readonly levels: Int32Array;
  /** A float32 value, > 0. */
  readonly scale: number;
  /** (q − t)·H·(q − t)ᵀ, under the damped H. */
  readonly error: number;
}

/** What a row may be stored as. */
export interface RowLimits {
  /** How many levels it can have. */
  readonly count: number;
  /** Largest magnitude of a level. */
  readonly limit: number;
  /** The smallest scale allowed, > 0. */
  readonly floor: number;
}

/** Levels are chosen anew so many times, and codes for them; more gain nothing (measured on ResNet-20). */
export const REFITS = 3;

/**
 * A codebook of its own for each row: levels that start from k-means of the target weighted by the diagonal of H, codes
 * by feedback, then in turn the levels that are least squares under H, c = (AᵀHA)⁻¹AᵀHt, and the codes again. The best
 * round of each row is kept.
 *
 * Levels are rounded to integers at the scale that puts the largest on the limit.
 *
 * @param limits - one a row
 */
export function fitCodebooks(
  targets: readonly Float64Array[],
  hessian: Hessian,
  limits: readonly RowLimits[],
  refits = REFITS,
): StoredRow[] {
  const products = timesSymmetric(targets, hessian.matrix, hessian.columns);
  const best: StoredRow[] = [];
  let levels = targets.map((target, r) => weightedMeans(target, hessian, (limits[r] as RowLimits).count));
  for (let round = 0; round <= refits; round++) {
    const stored = levels.map((each, r) => onIntegers(each, limits[r] as RowLimits));
    const rows = stored.map(({ levels: integers, scale }, r) => ({
      target: targets[r] as Float64Array,
      levels: Float64Array.from(integers, (level) => level * scale),
    }));
    const rounded = roundWithFeedback(rows, hessian);
    rounded.forEach(({ indices, error }, r) => {
      const known = best[r];
      if (!known || error < known.error) best[r] = { ...(stored[r] as Integers), indices, error };
    });
    if (round === refits) break;
    const coded = rounded.map(({ indices }, r) => ({
      indices,
      levels: (rows[r] as { levels: Levels }).levels,
    }));
    levels = refitLevels(coded, products, hessian);
  }
  return best;
}

/** Rows that share a scale, whose levels stay. */
export interface RowsOfScale {
  readonly rows: readonly { readonly target: Float64Array; readonly hessian: Hessian }[];
  /** Integers, ascending. */
  readonly levels: Int32Array;
  /** Where to start, > 0. */
  readonly scale: number;
  /** The smallest scale allowed, > 0. */
  readonly floor: number;
  /** Whether the scale is a power of two. */
  readonly powersOfTwo?: boolean;
  /** Which columns are added in pairs, and the largest sum of two integers of one sign; undefined where any may be. */
  readonly pairs?: { readonly partners: Int32Array; readonly bound: number } | undefined;
}

/** A scale fitted, the rows at it, and the sum of their errors. */
export interface FittedScale {
  readonly scale: number;
  readonly rows: readonly RoundedRow[];
  readonly error: number;
}

/**
 * Scales for levels that stay: codes by feedback, then in turn the scale that is least squares under H, s = kHt / kHk
 * over the rows that share it, and the codes again. The best round of each scale is kept.
 */
export function fitScales(scales: readonly RowsOfScale[], refits = REFITS): FittedScale[] {
  const rows = scales.flatMap((each, s) => each.rows.map((row) => ({ ...row, s })));
  const products = byHessian(rows, (some, { matrix, columns }) =>
    timesSymmetric(
      some.map(({ target }) => target),
      matrix,
      columns,
    ),
  );
  const best: FittedScale[] = [];
  const at = scales.map(({ scale, floor, powersOfTwo }) => storedScale(scale, floor, powersOfTwo));
  for (let round = 0; round <= refits; round++) {
    const real = scales.map(({ levels }, s) =>
      Float64Array.from(levels, (level) => level * (at[s] as number)),
    );
    const limits = scales.map(({ pairs }, s): PairLimit | undefined => {
      const step = at[s] as number;
      return pairs && { partners: pairs.partners, bound: pairs.bound * step, step };
    });
    const rounded = byHessian(rows, (some, hessian) =>
      roundWithFeedback(
        some.map(({ target, s }) => ({ target, levels: real[s] as Float64Array, pairs: limits[s] })),
        hessian,
      ),
    );
    const ofScale: RoundedRow[][] = scales.map(() => []);
    rows.forEach(({ s }, r) => {
      (ofScale[s] as RoundedRow[]).push(rounded[r] as RoundedRow);
    });
    ofScale.forEach((own, s) => {
      const error = own.reduce((sum, row) => sum + row.error, 0);
      const known = best[s];
      if (!known || error < known.error) best[s] = { scale: at[s] as number, rows: own, error };
    });
    if (round === refits) break;
    const codes = rounded.map(({ indices }, r) => {
      const { levels } = scales[(rows[r] as { s: number }).s] as RowsOfScale;
      return Float64Array.from(indices, (index) => levels[index] as number);
    });
    const coded = rows.map((row, r) => ({ ...row, codes: codes[r] as Float64Array }));
    const weighed = byHessian(coded, (some, { matrix, columns }) =>
      timesSymmetric(
        some.map((row) => row.codes),
        matrix,
        columns,
      ),
    );
    const sums = scales.map(() => ({ products: 0, squares: 0 }));
    coded.forEach(({ s, codes: own }, r) => {
      const sum = sums[s] as { products: number; squares: number };
      sum.products += dot(own, products[r] as Float64Array);
      sum.squares += dot(own, weighed[r] as Float64Array);
    });
    sums.forEach(({ products: given, squares }, s) => {
      const { floor, powersOfTwo } = scales[s] as RowsOfScale;
      if (squares > 0 && given > 0) at[s] = storedScale(given / squares, floor, powersOfTwo);
    });
  }
  return best;
}

/** Work on rows of one H together; the results in the order of the rows. */
function byHessian<R extends { readonly hessian: Hessian }, T>(
  rows: readonly R[],
  work: (some: readonly R[], hessian: Hessian) => readonly T[],
): T[] {
  const results: T[] = [];
  const groups = new Map<Hessian, number[]>();
  rows.forEach(({ hessian }, r) => {
    const own = groups.get(hessian);
    if (own) own.push(r);
    else groups.set(hessian, [r]);
  });
  for (const [hessian, indices] of groups) {
    const made = work(
      indices.map((r) => rows[r] as R),
      hessian,
    );
    indices.forEach((r, i) => {
      results[r] = made[i] as T;
    });
  }
  return results;
}

const storedScale = (scale: number, floor: number, powersOfTwo = false): number => {
  const least = Math.max(floor, SMALLEST_NORMAL);
  return powersOfTwo ? nearestPowerOfTwo(scale, least) : Math.fround(Math.max(scale, least));
};

interface Integers {
  readonly levels: Int32Array;
  readonly scale: number;
}

/** Levels as integers of at most `limit`, ascending and each once, and their scale. */
function onIntegers(levels: Float64Array, { limit, floor }: RowLimits): Integers {
  let largest = 0;
  for (const level of levels) largest = Math.max(largest, Math.abs(level));
  const scale = storedScale(largest / limit, floor);
  const integers = Array.from(levels, (level) =>
    Math.min(limit, Math.max(-limit, roundHalfEven(level / scale))),
  );
  return { levels: Int32Array.from(new Set(integers)).sort(), scale };
}

/**
 * The levels of least Σ h·(t − level)², exactly: contiguous groups of the sorted values, found by a program over their
 * ends (Wang and Song 2011, weighted).
 */
function weightedMeans(target: Float64Array, { matrix, columns }: Hessian, count: number): Float64Array {
  const order = Int32Array.from({ length: columns }, (_, i) => i).sort(
    (a, b) => (target[a] as number) - (target[b] as number) || a - b,
  );
  const weights = new Float64Array(columns + 1);
  const sums = new Float64Array(columns + 1);
  order.forEach((column, i) => {
    const weight = matrix[column * columns + column] as number;
    weights[i + 1] = (weights[i] as number) + weight;
    sums[i + 1] = (sums[i] as number) + weight * (target[column] as number);
  });
  const meanOf = (from: number, to: number) =>
    ((sums[to] as number) - (sums[from] as number)) / ((weights[to] as number) - (weights[from] as number));
  const gain = (from: number, to: number) =>
    meanOf(from, to) * ((sums[to] as number) - (sums[from] as number));
  const start = new Float64Array(columns + 1).fill(Number.NEGATIVE_INFINITY);
  start[0] = 0;
  const ends = bestChain(start, Math.min(count, columns) + 1, gain);
  return Float64Array.from({ length: ends.length - 1 }, (_, k) =>
    meanOf(ends[k] as number, ends[k + 1] as number),
  );
}

/** A row as it is coded. */
interface CodedRow {
  readonly indices: Uint8Array;
  readonly levels: Float64Array;
}

/**
 * Levels of least error under H for codes that stay; one that no column has keeps its value.
 *
 * @param products - of each target with H
 */
function refitLevels(
  rows: readonly CodedRow[],
  products: readonly Float64Array[],
  { matrix, columns }: Hessian,
): Float64Array[] {
  return rows.map((row, r) => {
    // HA: for each level, the sum of the lines of H whose column has it.
    const sums = Array.from(row.levels, (_, level) => {
      const sum = new Float64Array(columns);
      addChosen(sum, matrix, columnsOf(row.indices, level));
      return sum;
    });
    return solvedLevels(row, sums, products[r] as Float64Array);
  });
}

/** The columns that have a level. */
function columnsOf(indices: Uint8Array, level: number): Int32Array {
  const columns = new Int32Array(indices.length);
  let count = 0;
  for (let i = 0; i < indices.length; i++) if (indices[i] === level) columns[count++] = i;
  return columns.subarray(0, count);
}

/** (AᵀHA)⁻¹AᵀHt, of the levels that are used. */
function solvedLevels(
  { indices, levels }: CodedRow,
  sums: readonly Float64Array[],
  product: Float64Array,
): Float64Array {
  const used = [...new Set(indices)].sort((a, b) => a - b);
  const size = used.length;
  const place = new Int32Array(levels.length);
  used.forEach((index, i) => {
    place[index] = i;
  });
  const normal = new Float64Array(size * size);
  const right = new Float64Array(size);
  for (let i = 0; i < indices.length; i++) {
    const column = place[indices[i] as number] as number;
    right[column] = (right[column] as number) + (product[i] as number);
    for (let row = 0; row < size; row++) {
      const at = row * size + column;
      normal[at] = (normal[at] as number) + (sums[used[row] as number]?.[i] as number);
    }
  }
  const factor = upperFactor(normal, size);
  if (!factor) return levels;
  solveRows(factor, size, right);
  const solved = levels.slice();
  used.forEach((index, i) => {
    solved[index] = right[i] as number;
  });
  return solved.sort();
}
