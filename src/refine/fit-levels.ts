import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { bestChain } from '../numerics/best-chain.js';
import { roundHalfEven } from '../numerics/round.js';
import { solveRows, upperFactor } from '../numerics/upper-factor.js';
import { type Curvature, type RoundedRow, roundWithFeedback, rowError } from './round-with-feedback.js';

/** H of a layer's input, damped, and what follows from it. */
export interface Hessian extends Curvature {
  /** H + λI, columns × columns, in the layer's own order. */
  readonly matrix: Float64Array;
}

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

/** Rounds of codes and levels in turn; more of them gain nothing (measured on ResNet-20). */
export const ROUNDS = 4;

/** The share of the mean diagonal that is added to H, as in GPTQ (Frantar et al. 2023, §3.3). */
const DAMPING = 0.01;

/**
 * H + λI with λ = 0.01 of the mean diagonal, factored, columns by descending diagonal.
 *
 * @param matrix - H, symmetric, columns × columns; damped in place
 * @returns undefined where the input is constant, so that there is nothing to weigh by, or not finite
 */
export function dampedHessian(matrix: Float64Array, columns: number): Hessian | undefined {
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += matrix[i * columns + i] as number;
  const damping = (DAMPING * trace) / columns;
  if (!(damping > 0) || !Number.isFinite(damping)) return undefined;
  for (let i = 0; i < columns; i++) matrix[i * columns + i] = (matrix[i * columns + i] as number) + damping;
  const diagonal = (i: number) => matrix[i * columns + i] as number;
  const order = Int32Array.from({ length: columns }, (_, i) => i).sort(
    (a, b) => diagonal(b) - diagonal(a) || a - b,
  );
  const ordered = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++) {
    const from = (order[i] as number) * columns;
    for (let j = 0; j < columns; j++)
      ordered[i * columns + j] = matrix[from + (order[j] as number)] as number;
  }
  const factor = upperFactor(ordered, columns);
  return factor && { matrix, columns, order, factor };
}

/**
 * X·(H + λI)⁻¹ for rows X, in place.
 *
 * @param rows - so many rows of `columns`, row-major
 */
export function timesInverse(rows: Float64Array, { columns, order, factor }: Hessian): void {
  const permuted = new Float64Array(columns);
  for (let start = 0; start < rows.length; start += columns) {
    for (let k = 0; k < columns; k++) permuted[k] = rows[start + (order[k] as number)] as number;
    solveRows(factor, columns, permuted);
    for (let k = 0; k < columns; k++) rows[start + (order[k] as number)] = permuted[k] as number;
  }
}

/**
 * A codebook of its own for a row: levels that start from k-means of the target weighted by the diagonal of H, codes by
 * feedback, then in turn the levels that are least squares under H, c = (AᵀHA)⁻¹AᵀHt, and the codes again. The best
 * round is kept.
 *
 * Levels are rounded to integers at the scale that puts the largest on the limit.
 */
export function fitCodebook(target: Float64Array, hessian: Hessian, limits: RowLimits): StoredRow {
  const product = timesMatrix(target, hessian);
  let levels = weightedMeans(target, hessian, limits.count);
  let best: StoredRow | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const stored = onIntegers(levels, limits);
    const real = Float64Array.from(stored.levels, (level) => level * stored.scale);
    const rounded = roundWithFeedback(target, real, hessian);
    if (!best || rounded.error < best.error) best = { ...stored, ...rounded };
    levels = refitLevels(rounded, real, product, hessian);
  }
  return best as StoredRow;
}

/**
 * Scales for levels that stay, one for all rows given: codes by feedback, then in turn the scale that is least squares
 * under H, s = kHt / kHk over the rows, and the codes again. The best round is kept.
 *
 * @param scale - where to start, > 0
 */
export function fitScale(
  targets: readonly Float64Array[],
  hessians: readonly Hessian[],
  { levels, scale, floor }: { levels: Int32Array; scale: number; floor: number },
): { scale: number; rows: readonly RoundedRow[]; error: number } {
  const products = targets.map((target, r) => timesMatrix(target, hessians[r] as Hessian));
  let at = storedScale(scale, floor);
  let best: { scale: number; rows: readonly RoundedRow[]; error: number } | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const real = Float64Array.from(levels, (level) => level * at);
    const rows = targets.map((target, r) => roundWithFeedback(target, real, hessians[r] as Hessian));
    const error = rows.reduce((sum, row) => sum + row.error, 0);
    if (!best || error < best.error) best = { scale: at, rows, error };
    let products_ = 0;
    let squares = 0;
    rows.forEach(({ indices }, r) => {
      const codes = Float64Array.from(indices, (index) => levels[index] as number);
      products_ += dot(codes, products[r] as Float64Array);
      squares += dot(codes, timesMatrix(codes, hessians[r] as Hessian));
    });
    if (!(squares > 0 && products_ > 0)) break;
    at = storedScale(products_ / squares, floor);
  }
  return best as { scale: number; rows: readonly RoundedRow[]; error: number };
}

/** The error of a row as it is. */
export function errorOf(target: Float64Array, values: ArrayLike<number>, hessian: Hessian): number {
  return rowError(target, values, hessian);
}

const storedScale = (scale: number, floor: number): number =>
  Math.fround(Math.max(scale, floor, SMALLEST_NORMAL));

/** Levels as integers of at most `limit`, ascending and each once, and their scale. */
function onIntegers(
  levels: Float64Array,
  { limit, floor }: RowLimits,
): { levels: Int32Array; scale: number } {
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

/** Levels of least error under H for codes that stay; one that no column has keeps its value. */
function refitLevels(
  { indices }: RoundedRow,
  levels: Float64Array,
  product: Float64Array,
  { matrix, columns }: Hessian,
): Float64Array {
  const count = levels.length;
  const used = [...new Set(indices)].sort((a, b) => a - b);
  const place = new Int32Array(count);
  used.forEach((index, i) => {
    place[index] = i;
  });
  const size = used.length;
  const normal = new Float64Array(size * size);
  const right = new Float64Array(size);
  const sums = new Float64Array(size);
  for (let i = 0; i < columns; i++) {
    sums.fill(0);
    const at = i * columns;
    for (let j = 0; j < columns; j++) {
      const level = place[indices[j] as number] as number;
      sums[level] = (sums[level] as number) + (matrix[at + j] as number);
    }
    const row = place[indices[i] as number] as number;
    right[row] = (right[row] as number) + (product[i] as number);
    for (let l = 0; l < size; l++) {
      normal[row * size + l] = (normal[row * size + l] as number) + (sums[l] as number);
    }
  }
  const factor = upperFactor(normal, size);
  if (!factor) return levels;
  solveRows(factor, size, right);
  const refitted = levels.slice();
  used.forEach((index, i) => {
    refitted[index] = right[i] as number;
  });
  return refitted.sort();
}

/** A row times H. */
function timesMatrix(row: Float64Array, { matrix, columns }: Hessian): Float64Array {
  const product = new Float64Array(columns);
  for (let i = 0; i < columns; i++) {
    const factor = row[i] as number;
    if (factor === 0) continue;
    const at = i * columns;
    for (let j = 0; j < columns; j++)
      product[j] = (product[j] as number) + factor * (matrix[at + j] as number);
  }
  return product;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
