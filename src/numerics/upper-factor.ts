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
  for (let j = n - 1; j >= 0; j--) {
    const row = j * n;
    const rest = (matrix[row + j] as number) - dot(factor, row + j + 1, row + j + 1, n - j - 1);
    if (!(rest > 0)) return undefined;
    const diagonal = Math.sqrt(rest);
    factor[row + j] = diagonal;
    for (let i = 0; i < j; i++) {
      const product = dot(factor, i * n + j + 1, row + j + 1, n - j - 1);
      factor[i * n + j] = ((matrix[i * n + j] as number) - product) / diagonal;
    }
  }
  return factor;
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
