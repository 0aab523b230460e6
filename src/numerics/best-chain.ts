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
 * @param end - what the last node adds; without it, the last node is n − 1
 * @returns the nodes of the chain, ascending; of equals that which comes first
 */
export function bestChain(
  start: Float64Array,
  length: number,
  gain: (from: number, to: number) => number,
  end?: Float64Array,
): Int32Array {
  const nodes = start.length;
  if (length < 1 || length > nodes) throw new Error(`no chain of ${length} of ${nodes} nodes`);
  if (length === nodes) return Int32Array.from(start.keys());
  const predecessors: Int32Array[] = [];
  let values = start;
  for (let link = 1; link < length; link++) {
    const before = predecessors.at(-1);
    const after = new Float64Array(nodes);
    const best = new Int32Array(nodes);
    const shorter = values;
    /** Nodes from–to, whose best predecessors lie in low–high, all inclusive. */
    const extend = (from: number, to: number, low: number, high: number): void => {
      if (from > to) return;
      const node = (from + to) >> 1;
      const top = Math.min(high, node - 1);
      let chosen = Math.min(Math.max(low, before === undefined ? 0 : (before[node] as number)), top);
      let most = Number.NEGATIVE_INFINITY;
      for (let i = chosen; i <= top; i++) {
        const value = (shorter[i] as number) + gain(i, node);
        if (value > most) {
          most = value;
          chosen = i;
        }
      }
      after[node] = most;
      best[node] = chosen;
      extend(from, node - 1, low, chosen);
      extend(node + 1, to, chosen, high);
    };
    // The rest of the chain needs nodes, too; of the last link one node may be all that is asked for.
    const last = nodes - length + link;
    extend(end === undefined && link === length - 1 ? last : link, last, link - 1, last - 1);
    values = after;
    predecessors.push(best);
  }
  let node = nodes - 1;
  if (end !== undefined) {
    let most = Number.NEGATIVE_INFINITY;
    for (let j = length - 1; j < nodes; j++) {
      const value = (values[j] as number) + (end[j] as number);
      if (value > most) [most, node] = [value, j];
    }
  }
  const chain = new Int32Array(length);
  for (let link = length - 1; link >= 0; link--) {
    chain[link] = node;
    node = predecessors[link - 1]?.[node] ?? 0;
  }
  return chain;
}
