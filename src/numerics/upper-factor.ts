import { PANEL, timesPanel } from './panel.js';

/**
 * The upper triangular factor R of a symmetric positive definite matrix, H = R·Rᵀ: a Cholesky factorization from the last
 * row up. In it, the quadratic form of a row splits by columns, δHδᵀ = Σ_k (Σ_{j≤k} δ_j·R_jk)², each term with the
 * columns before it alone.
 *
 * @param matrix - n × n, row-major; only its upper triangle is read
 * @returns R, row-major, zeros below the diagonal; undefined where the matrix is not positive definite in float64
 */
export function upperFactor(matrix: Float64Array, n: number): Float64Array | undefined {
  const factor = new Float64Array(n * n);
  const rows = Array.from({ length: n }, (_, i) => factor.subarray(i * n, (i + 1) * n));
  const panel = new Float64Array(PANEL * n);
  const sums = new Float64Array(2 * PANEL);
  for (let end = n; end > 0; end -= PANEL) {
    const start = Math.max(0, end - PANEL);
    for (let i = end - 1; i >= start; i--) if (!factorRow(matrix, factor, n, i, start, end)) return undefined;
    if (start === 0) break;
    for (let k = end, at = 0; k < n; k++, at += PANEL)
      for (let c = 0; c < PANEL; c++) panel[at + c] = factor[(start + c) * n + k] as number;
    for (let i = start - 1; i >= 0; i -= 2) {
      // What the columns behind the block add up to, for two rows at once.
      timesPanel(sums, rows[i] as Float64Array, rows[Math.max(0, i - 1)] as Float64Array, panel, n, end);
      for (let r = 0; r < 2 && i - r >= 0; r++) {
        const row = (i - r) * n;
        for (let j = end - 1; j >= start; j--) {
          let rest = matrix[row + j] as number;
          rest -= sums[r * PANEL + j - start] as number;
          for (let k = j + 1; k < end; k++)
            rest -= (factor[row + k] as number) * (factor[j * n + k] as number);
          factor[row + j] = rest / (factor[j * n + j] as number);
        }
      }
    }
  }
  return factor;
}

/** A row of the block from `start` to `end` on its diagonal; false where the matrix is not positive definite. */
function factorRow(
  matrix: Float64Array,
  factor: Float64Array,
  n: number,
  i: number,
  start: number,
  end: number,
): boolean {
  const row = i * n;
  for (let j = end - 1; j >= Math.max(start, i); j--) {
    let rest = matrix[row + j] as number;
    rest -= dot(factor, row + end, j * n + end, n - end);
    for (let k = j + 1; k < end; k++) rest -= (factor[row + k] as number) * (factor[j * n + k] as number);
    if (j > i) {
      factor[row + j] = rest / (factor[j * n + j] as number);
      continue;
    }
    if (!(rest > 0)) return false;
    factor[row + j] = Math.sqrt(rest);
  }
  return true;
}

/**
 * Solve X·(R·Rᵀ) = B for rows X, in place of B.
 *
 * @param factor - R of `upperFactor`, n × n
 * @param rows - B, so many rows of n, row-major; X afterwards
 */
export function solveRows(factor: Float64Array, n: number, rows: Float64Array): void {
  const size = SOLVED_AT_ONCE * n;
  let start = 0;
  if (rows.length >= size) {
    const packed = new Float64Array(size);
    for (; start + size <= rows.length; start += size) solveFour(factor, n, rows, start, packed);
  }
  for (; start < rows.length; start += n) solveRow(factor, n, rows.subarray(start, start + n));
}

/** Rows that are solved together: one would wait for its own sum, and the factor is read once for all. */
export const SOLVED_AT_ONCE = 4;

function solveRow(factor: Float64Array, n: number, row: Float64Array): void {
  // Y·Rᵀ = B, from the last column down.
  for (let k = n - 1; k >= 0; k--) {
    let sum = row[k] as number;
    const at = k * n;
    for (let j = k + 1; j < n; j++) sum -= (row[j] as number) * (factor[at + j] as number);
    row[k] = sum / (factor[at + k] as number);
  }
  // X·R = Y, from the first column up.
  for (let k = 0; k < n; k++) {
    const at = k * n;
    const x = (row[k] as number) / (factor[at + k] as number);
    row[k] = x;
    for (let j = k + 1; j < n; j++) row[j] = (row[j] as number) - x * (factor[at + j] as number);
  }
}

/**
 * The same for four rows from `start` on, to the bit.
 *
 * @param packed - where they lie side by side meanwhile, 4·n
 */
function solveFour(
  factor: Float64Array,
  n: number,
  rows: Float64Array,
  start: number,
  packed: Float64Array,
): void {
  for (let r = 0; r < SOLVED_AT_ONCE; r++)
    for (let k = 0; k < n; k++) packed[SOLVED_AT_ONCE * k + r] = rows[start + r * n + k] as number;
  for (let k = n - 1; k >= 0; k--) {
    const own = SOLVED_AT_ONCE * k;
    let s0 = packed[own] as number;
    let s1 = packed[own + 1] as number;
    let s2 = packed[own + 2] as number;
    let s3 = packed[own + 3] as number;
    const line = k * n;
    for (let j = k + 1, at = own + SOLVED_AT_ONCE; j < n; j++, at += SOLVED_AT_ONCE) {
      const f = factor[line + j] as number;
      s0 -= (packed[at] as number) * f;
      s1 -= (packed[at + 1] as number) * f;
      s2 -= (packed[at + 2] as number) * f;
      s3 -= (packed[at + 3] as number) * f;
    }
    const diagonal = factor[line + k] as number;
    packed[own] = s0 / diagonal;
    packed[own + 1] = s1 / diagonal;
    packed[own + 2] = s2 / diagonal;
    packed[own + 3] = s3 / diagonal;
  }
  // Two lines of the factor at once: what they are taken from is then read and written once for both.
  let k = 0;
  for (; k + 1 < n; k += 2) {
    const own = SOLVED_AT_ONCE * k;
    const [a, b] = [k * n, (k + 1) * n];
    const diagonal = factor[a + k] as number;
    const x0 = (packed[own] as number) / diagonal;
    const x1 = (packed[own + 1] as number) / diagonal;
    const x2 = (packed[own + 2] as number) / diagonal;
    const x3 = (packed[own + 3] as number) / diagonal;
    const beside = factor[a + k + 1] as number;
    const next = factor[b + k + 1] as number;
    const y0 = ((packed[own + 4] as number) - x0 * beside) / next;
    const y1 = ((packed[own + 5] as number) - x1 * beside) / next;
    const y2 = ((packed[own + 6] as number) - x2 * beside) / next;
    const y3 = ((packed[own + 7] as number) - x3 * beside) / next;
    packed[own] = x0;
    packed[own + 1] = x1;
    packed[own + 2] = x2;
    packed[own + 3] = x3;
    packed[own + 4] = y0;
    packed[own + 5] = y1;
    packed[own + 6] = y2;
    packed[own + 7] = y3;
    for (let j = k + 2, at = own + 8; j < n; j++, at += SOLVED_AT_ONCE) {
      const f = factor[a + j] as number;
      const g = factor[b + j] as number;
      packed[at] = (packed[at] as number) - x0 * f - y0 * g;
      packed[at + 1] = (packed[at + 1] as number) - x1 * f - y1 * g;
      packed[at + 2] = (packed[at + 2] as number) - x2 * f - y2 * g;
      packed[at + 3] = (packed[at + 3] as number) - x3 * f - y3 * g;
    }
  }
  for (let r = 0; k < n && r < SOLVED_AT_ONCE; r++)
    packed[SOLVED_AT_ONCE * k + r] =
      (packed[SOLVED_AT_ONCE * k + r] as number) / (factor[k * n + k] as number);
  for (let r = 0; r < SOLVED_AT_ONCE; r++)
    for (let i = 0; i < n; i++) rows[start + r * n + i] = packed[SOLVED_AT_ONCE * i + r] as number;
}

/** Four sums in turn: one would wait for itself. */
function dot(values: Float64Array, a: number, b: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (values[a + i] as number) * (values[b + i] as number);
    s1 += (values[a + i + 1] as number) * (values[b + i + 1] as number);
    s2 += (values[a + i + 2] as number) * (values[b + i + 2] as number);
    s3 += (values[a + i + 3] as number) * (values[b + i + 3] as number);
  }
  for (; i < length; i++) s0 += (values[a + i] as number) * (values[b + i] as number);
  return s0 + s1 + (s2 + s3);
}
