/** Columns of a matrix that are taken together: their elements lie side by side in a panel. */
export const PANEL = 4;

/**
 * Copy columns of a matrix into a panel, line after line.
 *
 * @param panel - so many elements of each line as it is wide; 0 beyond the matrix
 * @param n - the length of its lines
 * @param taken - the first column, how many lines, and how wide the panel is
 */
export function packColumns(
  panel: Float64Array,
  matrix: Float64Array,
  n: number,
  { first, lines, width }: { first: number; lines: number; width: number },
): void {
  const end = Math.min(width, n - first);
  if (end < width) panel.fill(0, 0, lines * width);
  for (let line = 0, at = first, to = 0; line < lines; line++, at += n, to += width)
    for (let c = 0; c < end; c++) panel[to + c] = matrix[at + c] as number;
}

/**
 * Two rows times a panel of four columns: Σ a[i]·panel[i − from], then the same of b. Each sum is made in the order of i, so that
 * it is the same however many there are at once.
 *
 * @param sums - 2 × 4, what is written
 * @param end - where the elements end that count
 * @param from - where they begin
 */
export function timesPanel(
  sums: Float64Array,
  a: Float64Array,
  b: Float64Array,
  panel: Float64Array,
  end: number,
  from = 0,
): void {
  let a0 = 0;
  let a1 = 0;
  let a2 = 0;
  let a3 = 0;
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  for (let i = from, at = 0; i < end; i++, at += PANEL) {
    const x = a[i] as number;
    const y = b[i] as number;
    const p0 = panel[at] as number;
    a0 += x * p0;
    b0 += y * p0;
    const p1 = panel[at + 1] as number;
    a1 += x * p1;
    b1 += y * p1;
    const p2 = panel[at + 2] as number;
    a2 += x * p2;
    b2 += y * p2;
    const p3 = panel[at + 3] as number;
    a3 += x * p3;
    b3 += y * p3;
  }
  sums[0] = a0;
  sums[1] = a1;
  sums[2] = a2;
  sums[3] = a3;
  sums[4] = b0;
  sums[5] = b1;
  sums[6] = b2;
  sums[7] = b3;
}

/** Columns of a panel of which lines are chosen: one cache line of each. */
export const WIDE_PANEL = 8;

/**
 * Σ weights[i]·panel[lines[i]] of a panel of eight columns; each sum in the order of the lines.
 *
 * @param sums - 8, what is written
 * @param weights - one for each line chosen
 */
export function addWeighted(
  sums: Float64Array,
  panel: Float64Array,
  lines: Int32Array,
  weights: Float64Array,
): void {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let s5 = 0;
  let s6 = 0;
  let s7 = 0;
  for (let i = 0; i < lines.length; i++) {
    const at = (lines[i] as number) * WIDE_PANEL;
    const weight = weights[i] as number;
    s0 += weight * (panel[at] as number);
    s1 += weight * (panel[at + 1] as number);
    s2 += weight * (panel[at + 2] as number);
    s3 += weight * (panel[at + 3] as number);
    s4 += weight * (panel[at + 4] as number);
    s5 += weight * (panel[at + 5] as number);
    s6 += weight * (panel[at + 6] as number);
    s7 += weight * (panel[at + 7] as number);
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = s4;
  sums[5] = s5;
  sums[6] = s6;
  sums[7] = s7;
}
