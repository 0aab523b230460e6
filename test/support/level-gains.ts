/** Σ w·(u − l)² of weights on a grid, as gains: what those below the middle of two levels gain by the lower one. */
export function gainsOf(nodes: number, weights: readonly { readonly at: number; readonly by: number }[]) {
  const moved = new Float64Array(2 * nodes - 1);
  for (let middle = 0; middle < moved.length; middle++)
    for (const { at, by } of weights)
      if (2 * at < middle) moved[middle] = (moved[middle] as number) + by * (middle - 2 * at);
  const end = new Float64Array(nodes);
  for (let node = 0; node < nodes; node++)
    for (const { at, by } of weights) end[node] = (end[node] as number) - by * (at - node) ** 2;
  return { moved, end };
}
