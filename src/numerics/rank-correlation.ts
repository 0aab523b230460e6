/**
 * Spearman's rank correlation: Pearson's correlation of the ranks, equals sharing the mean of theirs (Spearman 1904;
 * Kendall & Gibbons 1990, Rank Correlation Methods, ch. 3).
 *
 * @param a - finite numbers
 * @param b - as many
 * @returns in [−1, 1]; null below two pairs, or where one side has equals only
 */
export function rankCorrelation(a: Float64Array, b: Float64Array): number | null {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  // The mean of the ranks 0 … n − 1, with equals or without.
  const mean = (a.length - 1) / 2;
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [(x[i] as number) - mean, (y[i] as number) - mean];
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const norms = Math.sqrt(xx * yy);
  return norms === 0 ? null : xy / norms;
}

/** The place of each number in ascending order, from 0; equals share the mean of their places. */
function ranksOf(values: Float64Array): Float64Array {
  const order = Uint32Array.from(values, (_, index) => index).sort(
    (i, j) => (values[i] as number) - (values[j] as number),
  );
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    const value = values[order[start] as number];
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === value) end++;
    for (let i = start; i < end; i++) ranks[order[i] as number] = (start + end - 1) / 2;
    start = end;
  }
  return ranks;
}
