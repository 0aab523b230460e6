/** Rows that are taken together: a line of the matrix is then read once for all of them. */
export const ROWS_AT_ONCE = 8;

/**
 * Rows times a symmetric matrix.
 *
 * @param rows - of n values each
 * @param matrix - n × n, row-major
 */
export function timesSymmetric(
  rows: readonly Float64Array[],
  matrix: Float64Array,
  n: number,
): Float64Array[] {
  const products = rows.map(() => new Float64Array(n));
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const end = Math.min(rows.length, start + ROWS_AT_ONCE);
    for (let i = 0; i < n; i += LINES)
      for (let r = start; r < end; r++)
        addLines(products[r] as Float64Array, rows[r] as Float64Array, matrix, {
          from: i,
          to: Math.min(n, i + LINES),
        });
  }
  return products;
}

/** Lines that are added together: the sums are then read and written once for all of them. */
export const LINES = 4;

/**
 * sum += Σ factors[i] · line i, over at most four lines of a matrix whose lines are as long as the sum.
 *
 * @param first - the column to begin with
 */
export function addLines(
  sum: Float64Array,
  factors: Float64Array,
  matrix: Float64Array,
  { from, to, first = 0 }: { from: number; to: number; first?: number },
): void {
  const n = sum.length;
  if (to - from < LINES) {
    for (let i = from; i < to; i++) addLine(sum, factors[i] as number, matrix, { from: i * n, first });
    return;
  }
  const a = from * n;
  const b = a + n;
  const c = b + n;
  const d = c + n;
  const f0 = factors[from] as number;
  const f1 = factors[from + 1] as number;
  const f2 = factors[from + 2] as number;
  const f3 = factors[from + 3] as number;
  for (let j = first; j < n; j++)
    sum[j] =
      (sum[j] as number) +
      f0 * (matrix[a + j] as number) +
      f1 * (matrix[b + j] as number) +
      f2 * (matrix[c + j] as number) +
      f3 * (matrix[d + j] as number);
}

/** sum += the lines chosen of a matrix whose lines are as long as the sum. */
export function addChosen(sum: Float64Array, matrix: Float64Array, lines: Int32Array): void {
  const n = sum.length;
  let i = 0;
  for (; i + LINES <= lines.length; i += LINES) {
    const a = (lines[i] as number) * n;
    const b = (lines[i + 1] as number) * n;
    const c = (lines[i + 2] as number) * n;
    const d = (lines[i + 3] as number) * n;
    for (let j = 0; j < n; j++)
      sum[j] =
        (sum[j] as number) +
        (matrix[a + j] as number) +
        (matrix[b + j] as number) +
        (matrix[c + j] as number) +
        (matrix[d + j] as number);
  }
  for (; i < lines.length; i++) addLine(sum, 1, matrix, { from: (lines[i] as number) * n });
}

/** sum += factor · line, from column `first` to before `end`, of a line of a matrix that begins at `from`. */
export function addLine(
  sum: Float64Array,
  factor: number,
  matrix: Float64Array,
  { from = 0, first = 0, end = sum.length } = {},
): void {
  if (factor === 0) return;
  for (let j = first; j < end; j++) sum[j] = (sum[j] as number) + factor * (matrix[from + j] as number);
}

/** Σ a·b. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
