/**
 * Where the most is of shorter[i] + gain(i, to) for i from `first` to `last`, which are both nodes; of equals the first.
 */
export type BestFrom = (shorter: Float64Array, first: number, last: number, to: number) => number;

/**
 * The best ascending chain of nodes: the j_1 < … < j_length that maximize
 * start[j_1] + Σ gain(j_{k−1}, j_k) + end[j_length].
 *
 * Divide and conquer over the nodes of one link after the other, O(length·n·log n) gains. It is exact where gains obey
 * the quadrangle inequality, gain(a, c) + gain(b, d) ≥ gain(a, d) + gain(b, c) for a ≤ b ≤ c ≤ d: the best predecessor
 * then never falls as its node rises, nor as the chain grows longer (Yao 1980; Galil and Park 1992).
 *
 * @param start - value of a chain of one node, for each of the n nodes
 * @param length - nodes in the chain, 1 to n
 * @param gain - called with from < to
 * @param bestFrom - the first of the best predecessors of a node among some; by `gain` where it is not given: one with a
 *   loop of its own is several times as fast as a function called for each
 * @param end - what the last node adds; without it, the last node is n − 1
 * @returns the nodes of the chain, ascending; of equals that which comes first
 */
export function bestChain(
  start: Float64Array,
  length: number,
  gain: (from: number, to: number) => number,
  end?: Float64Array,
  bestFrom: BestFrom = (shorter, first, last, to) => {
    let chosen = first;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = first; i <= last; i++) {
      const value = (shorter[i] as number) + gain(i, to);
      if (value > most) {
        most = value;
        chosen = i;
      }
    }
    return chosen;
  },
): Int32Array {
  const nodes = start.length;
  if (length < 1 || length > nodes) throw new Error(`no chain of ${length} of ${nodes} nodes`);
  if (length === nodes) return Int32Array.from(start.keys());
  // Row by row: the best predecessor of each node as the end of two, three, … nodes.
  const predecessors = new Int32Array((length - 1) * nodes);
  let shorter: Float64Array = start;
  let values: Float64Array = new Float64Array(nodes);
  let row = 0;
  /** Nodes from–to, whose best predecessors lie in low–high, all inclusive. */
  const extend = (from: number, to: number, low: number, high: number): void => {
    const node = (from + to) >> 1;
    const top = Math.min(high, node - 1);
    const known = row === 0 ? low : Math.max(low, predecessors[row - nodes + node] as number);
    const chosen = bestFrom(shorter, Math.min(known, top), top, node);
    values[node] = (shorter[chosen] as number) + gain(chosen, node);
    predecessors[row + node] = chosen;
    if (from < node) extend(from, node - 1, low, chosen);
    if (node < to) extend(node + 1, to, chosen, high);
  };
  for (let link = 1; link < length; link++, row += nodes) {
    // The rest of the chain needs nodes, too; of the last link one node may be all that is asked for.
    const last = nodes - length + link;
    extend(end === undefined && link === length - 1 ? last : link, last, link - 1, last - 1);
    [shorter, values] = [values, shorter === start ? new Float64Array(nodes) : shorter];
  }
  let node = nodes - 1;
  if (end !== undefined) {
    let most = Number.NEGATIVE_INFINITY;
    for (let j = length - 1; j < nodes; j++) {
      const value = (shorter[j] as number) + (end[j] as number);
      if (value > most) [most, node] = [value, j];
    }
  }
  const chain = new Int32Array(length);
  for (let link = length - 1; link >= 0; link--) {
    chain[link] = node;
    if (link > 0) node = predecessors[(link - 1) * nodes + node] as number;
  }
  return chain;
}
