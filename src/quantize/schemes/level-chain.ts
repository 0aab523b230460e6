/**
 * `bestChain` for levels on a grid, with loops of its own: the integers j_1 < … < j_count that maximize
 * Σ (j_k − j_{k−1})·moved[j_k + j_{k−1}] + end[j_count].
 *
 * The same divide and conquer, a row at a time: first the node in the middle, then those of the quarters, and so on, each
 * between the predecessors of its neighbours. A k-means of small channels is mostly this, thousands of times; so the buffers
 * are kept from one to the next.
 */
export class LevelChain {
  readonly #nodes: number;
  readonly #count: number;
  /** Row by row: the best predecessor of each node as the end of two, three, … nodes. */
  readonly #predecessors: Int16Array;
  #shorter: Float64Array;
  #values: Float64Array;

  /**
   * @param nodes - levels to choose from, at most 32,767
   * @param count - levels chosen, 1 to `nodes`
   */
  constructor(nodes: number, count: number) {
    this.#nodes = nodes;
    this.#count = count;
    this.#predecessors = new Int16Array((count - 1) * nodes);
    this.#shorter = new Float64Array(nodes);
    this.#values = new Float64Array(nodes);
  }

  /**
   * @param moved - for the sum of each two nodes, 2·nodes − 1 at least
   * @param end - what the last node adds
   * @param least - for each node what a chain up to it must come to, or it leads to none that is wanted; with one that does not,
   *   no later node does
   * @returns the nodes, ascending; of equals those that come first; undefined where none comes to the least
   */
  best(moved: Float64Array, end: Float64Array, least: Float64Array): Int32Array | undefined {
    const [nodes, count] = [this.#nodes, this.#count];
    if (count === nodes) return Int32Array.from(end.keys());
    this.#shorter.fill(0);
    let until = 0;
    while (until < nodes && (least[until] as number) <= 0) until++;
    for (let link = 1; link < count; link++) {
      if (until < link) return undefined;
      until = extendRow(moved, this.#shorter, this.#values, this.#predecessors, {
        row: (link - 1) * nodes,
        nodes,
        // The rest of the chain needs nodes, too.
        first: link,
        last: nodes - count + link,
        until,
        least,
      });
      [this.#shorter, this.#values] = [this.#values, this.#shorter];
    }
    let node = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let j = count - 1; j < until; j++) {
      const value = (this.#shorter[j] as number) + (end[j] as number);
      if (value > most) {
        most = value;
        node = j;
      }
    }
    if (node < 0) return undefined;
    const chain = new Int32Array(count);
    for (let link = count - 1; link >= 0; link--) {
      chain[link] = node;
      if (link > 0) node = this.#predecessors[(link - 1) * nodes + node] as number;
    }
    return chain;
  }
}

/** A row of predecessors: where it begins, and the nodes that it is of, both inclusive. */
interface Row {
  readonly row: number;
  readonly nodes: number;
  readonly first: number;
  readonly last: number;
  /** Chains that end before this node alone can be made longer. */
  readonly until: number;
  readonly least: Float64Array;
}

/**
 * One node more for every chain that ends in one of these nodes.
 *
 * @returns the node from which on, of the row, none comes to its least
 */
function extendRow(
  moved: Float64Array,
  shorter: Float64Array,
  values: Float64Array,
  predecessors: Int16Array,
  { row, nodes, first, last, until, least }: Row,
): number {
  const size = last - first + 1;
  // The first place that is known to come to too little.
  let end = size + 1;
  // Places 1 to size: those that an odd multiple of the step falls on, whose neighbours at the step are known.
  for (let step = 1 << (31 - Math.clz32(size)); step >= 1; step >>= 1) {
    for (let place = step; place < end; place += 2 * step) {
      const to = first + place - 1;
      let from = place === step ? first - 1 : (predecessors[row + to - step] as number);
      // What comes to too little has a predecessor, too, where it was looked at.
      let highest = to < until ? to - 1 : until - 1;
      if (place + step < end) {
        const above = predecessors[row + to + step] as number;
        if (above < highest) highest = above;
      }
      if (row > 0) {
        // A longer chain's is never before a shorter one's.
        const known = predecessors[row - nodes + to] as number;
        if (known > from) from = known;
      }
      if (from > highest) from = highest;
      let chosen = from;
      let most = (shorter[from] as number) + (to - from) * (moved[from + to] as number);
      for (let other = from + 1; other <= highest; other++) {
        const value = (shorter[other] as number) + (to - other) * (moved[other + to] as number);
        if (value > most) {
          most = value;
          chosen = other;
        }
      }
      values[to] = most;
      predecessors[row + to] = chosen;
      if (most < (least[to] as number)) end = place;
    }
  }
  // Nothing is known of the others: no bound for the next row.
  predecessors.fill(0, row + first + end - 1, row + last + 1);
  return first + end - 1;
}
