import { SOLVED_AT_ONCE, solveRows, upperFactor } from '../numerics/upper-factor.js';
import type { Curvature } from './round-with-feedback.js';

/** H of a layer's input, damped, and what follows from it. */
export interface Hessian extends Curvature {
  /** H + λI, columns × columns, in the layer's own order. */
  readonly matrix: Float64Array;
}

/** The share of the mean diagonal that is added to H, as in GPTQ (Frantar et al. 2023, §3.3). */
export const DAMPING = 0.01;

/**
 * H + λI with λ a share of the mean diagonal, factored, columns by descending diagonal.
 *
 * @param matrix - H, symmetric, columns × columns; damped in place
 * @param share - 0.01 unless it is told
 * @returns undefined where the input is constant, so that there is nothing to weigh by, or not finite
 */
export function dampedHessian(
  matrix: Float64Array,
  columns: number,
  share: number = DAMPING,
): Hessian | undefined {
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += matrix[i * columns + i] as number;
  const damping = (share * trace) / columns;
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
  const size = SOLVED_AT_ONCE * columns;
  for (let start = 0; start < rows.length; start += size) {
    const own = rows.subarray(start, start + size);
    const permuted = new Float64Array(own.length);
    for (let at = 0; at < own.length; at += columns)
      for (let k = 0; k < columns; k++) permuted[at + k] = own[at + (order[k] as number)] as number;
    solveRows(factor, columns, permuted);
    for (let at = 0; at < own.length; at += columns)
      for (let k = 0; k < columns; k++) own[at + (order[k] as number)] = permuted[at + k] as number;
  }
}
