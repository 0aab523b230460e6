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
  for (let end = n; end > 0; end -= COLUMNS_AT_ONCE) {
    const start = Math.max(0, end - COLUMNS_AT_ONCE);
    for (let i = end - 1; i >= 0; i--) {
      const row = i * n;
      // What the columns behind the block add up to, a row of the factor read once for all.
      const sums = i < start ? dots(factor, row + end, { start, n, end }) : undefined;
      for (let j = end - 1; j >= Math.max(start, i); j--) {
        let rest = matrix[row + j] as number;
        rest -= sums ? (sums[j - start] as number) : dot(factor, row + end, j * n + end, n - end);
        for (let k = j + 1; k < end; k++) rest -= (factor[row + k] as number) * (factor[j * n + k] as number);
        if (j > i) {
          factor[row + j] = rest / (factor[j * n + j] as number);
          continue;
        }
        if (!(rest > 0)) return undefined;
        factor[row + j] = Math.sqrt(rest);
      }
    }
  }
  return factor;
}

/** Columns of the factor that are found together. */
const COLUMNS_AT_ONCE = 4;

/** Of a row from `at` on, the sums of its products with four rows from `start` on, from column `end` on. */
function dots(
  factor: Float64Array,
  at: number,
  { start, n, end }: { start: number; n: number; end: number },
): readonly number[] {
  const length = n - end;
  const count = end - start;
  if (count < COLUMNS_AT_ONCE)
    return Array.from({ length: count }, (_, c) => dot(factor, at, (start + c) * n + end, length));
  const a = start * n + end;
  const b = a + n;
  const c = b + n;
  const d = c + n;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let k = 0; k < length; k++) {
    const value = factor[at + k] as number;
    s0 += value * (factor[a + k] as number);
    s1 += value * (factor[b + k] as number);
    s2 += value * (factor[c + k] as number);
    s3 += value * (factor[d + k] as number);
  }
  return [s0, s1, s2, s3];
}

/**
 * Solve X·(R·Rᵀ) = B for rows X, in place of B.
 *
 * @param factor - R of `upperFactor`, n × n
 * @param rows - B, so many rows of n, row-major; X afterwards
 */
export function solveRows(factor: Float64Array, n: number, rows: Float64Array): void {
  for (let start = 0; start < rows.length; start += n) {
    const row = rows.subarray(start, start + n);
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
