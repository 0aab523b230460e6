/** What levels are chosen from, and for what. */
export interface Choice {
  /** For the sum of each two nodes, 2·nodes − 1 at least. */
  readonly moved: Float64Array;
  /** What the last node adds. */
  readonly end: Float64Array;
  /** Only a chain that comes to so much is wanted. */
  readonly least: number;
  /** Values that are no further apart than this are equal: far above what sums of doubles err by. */
  readonly margin: number;
  /** Where the price of a node is looked for first, > 0. */
  readonly price: number;
}

/** Prices that are tried, at most: with more, chains of the length have no price of their own. */
const MOST_PRICES = 12;

/**
 * The chains of `LevelChain`, by a price on nodes (Aggarwal, Schieber and Tokuyama 1994, on k-link paths in graphs with
 * the concave Monge property): what the best chain of k nodes comes to is concave in k, so at some price the best chain
 * of any length has as many nodes as are wanted, and then it is the best of these. One pass over the nodes a price, and no
 * factor of the length.
 *
 * As many as are wanted are the best at the prices between what the last node gained and what another would gain, which for
 * k levels lie some 3/k apart: two or three prices find one.
 */
export class PricedChain {
  readonly #count: number;
  /** Of the best chain that ends in each node: what it comes to, prices paid, and the node before; −1 for none. */
  readonly #values: Float64Array;
  readonly #predecessors: Int16Array;
  readonly #nodes: number;
  /** Nodes that are the best before some others, ascending, and the first that each is so for. */
  readonly #row: Int32Array;
  readonly #begins: Int32Array;
  #price = 0;

  /**
   * @param nodes - levels to choose from, at most 32,767
   * @param count - levels chosen, 1 to `nodes`
   */
  constructor(nodes: number, count: number) {
    this.#nodes = nodes;
    this.#count = count;
    this.#values = new Float64Array(nodes);
    this.#predecessors = new Int16Array(nodes);
    this.#row = new Int32Array(nodes);
    this.#begins = new Int32Array(nodes);
  }

  /** The price that the last choice was found at. */
  get price(): number {
    return this.#price;
  }

  /**
   * @returns the nodes, ascending; `none` where none comes to the least; `unsure` where others come to as much, within the
   *   margin, or no price was found
   */
  best(choice: Choice): Int32Array | 'none' | 'unsure' {
    const count = this.#count;
    let price = choice.price;
    let [low, high] = [0, Number.POSITIVE_INFINITY];
    for (let tried = 0; tried < MOST_PRICES && price > low && price < high; tried++) {
      const last = this.#pass(choice, price);
      const value = (this.#values[last] as number) + (choice.end[last] as number);
      this.#price = price;
      // No chain comes to more than the best of any length at any price, with what it paid given back.
      if (value + count * price < choice.least - choice.margin) return 'none';
      let length = 1;
      for (let node = last; (this.#predecessors[node] as number) >= 0; length++)
        node = this.#predecessors[node] as number;
      if (length === count) return this.#isAlone(choice, price, last) ? this.#chainTo(last) : 'unsure';
      if (length > count) low = price;
      else high = price;
      // The error of k levels goes about as 1/k², what one more gains as 1/k³.
      const next = price * (length / count) ** 3;
      price = next > low && next < high ? next : high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * low;
    }
    return 'unsure';
  }

  /**
   * The best chain to each node at a price.
   *
   * Of two nodes before, the later one is the better from some node on, and remains so: those that are the best of any node
   * stand in a row, each with the node that it begins at (Galil and Park 1992).
   *
   * @returns the node that the best of all ends in
   */
  #pass({ moved, end }: Choice, price: number): number {
    const nodes = this.#nodes;
    const values = this.#values;
    const predecessors = this.#predecessors;
    const row = this.#row;
    const begins = this.#begins;
    let last = 0;
    let most = Number.NEGATIVE_INFINITY;
    let first = 0;
    let size = 0;
    for (let node = 0; node < nodes; node++) {
      while (first + 1 < size && (begins[first + 1] as number) <= node) first++;
      let value = 0;
      let before = -1;
      if (first < size && (begins[first] as number) <= node) {
        before = row[first] as number;
        value = (values[before] as number) + (node - before) * (moved[before + node] as number);
      }
      value -= price;
      values[node] = value;
      predecessors[node] = before;
      const whole = value + (end[node] as number);
      if (whole > most) {
        most = whole;
        last = node;
      }
      // From where on this node is the best one before.
      let begin = node + 1;
      for (; size > first; size--) {
        const other = row[size - 1] as number;
        const at = begins[size - 1] as number;
        if (at > begin) begin = at;
        if (begin >= nodes) break;
        const off = value - (values[other] as number);
        if (
          off + (begin - node) * (moved[node + begin] as number) <=
          (begin - other) * (moved[other + begin] as number)
        ) {
          begin = crossing(moved, node, other, off, begin, nodes);
          break;
        }
        begin = node + 1;
      }
      // Before all others there is none.
      if (size === first) {
        while (begin < nodes && value + (begin - node) * (moved[node + begin] as number) <= 0) begin++;
      }
      if (begin < nodes) {
        row[size] = node;
        begins[size++] = begin;
      }
    }
    return last;
  }

  /** Whether any other chain, of whatever length, comes to less by more than the margin. */
  #isAlone({ moved, end, margin }: Choice, price: number, last: number): boolean {
    const values = this.#values;
    const enough = (values[last] as number) + (end[last] as number) - margin;
    for (let node = 0; node < this.#nodes; node++)
      if ((values[node] as number) + (end[node] as number) >= enough && node !== last) return false;
    // Another one comes from another node to one of this chain.
    for (let node = last; node >= 0; ) {
      const before = this.#predecessors[node] as number;
      const most = (values[node] as number) + price - margin;
      let from = 0;
      if (before >= 0) {
        if (most <= 0) return false;
        // Where the node before is worth its price between the one before that and this one, it is so between these and any.
        const second = this.#predecessors[before] as number;
        if (
          second >= 0 &&
          (values[second] as number) + (node - second) * (moved[second + node] as number) < most
        )
          from = second + 1;
      }
      for (; from < node; from++) {
        if (
          (values[from] as number) + (node - from) * (moved[from + node] as number) >= most &&
          from !== before
        )
          return false;
      }
      node = before;
    }
    return true;
  }

  #chainTo(last: number): Int32Array {
    const chain = new Int32Array(this.#count);
    for (let link = this.#count - 1, node = last; link >= 0; link--) {
      chain[link] = node;
      node = this.#predecessors[node] as number;
    }
    return chain;
  }
}

/**
 * From where on a node is better than another one before it: the first after `begin`, where it is not.
 *
 * @param off - by how much more its own chain comes to
 */
function crossing(
  moved: Float64Array,
  node: number,
  other: number,
  off: number,
  begin: number,
  nodes: number,
): number {
  // Many are so for none.
  const end = nodes - 1;
  if (off + (end - node) * (moved[node + end] as number) <= (end - other) * (moved[other + end] as number))
    return nodes;
  let low = begin;
  let high = begin + 1;
  for (let step = 1; high < end; step *= 2) {
    if (
      off + (high - node) * (moved[node + high] as number) >
      (high - other) * (moved[other + high] as number)
    )
      break;
    low = high;
    high += step;
  }
  if (high > end) high = end;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (
      off + (middle - node) * (moved[node + middle] as number) >
      (middle - other) * (moved[other + middle] as number)
    )
      high = middle;
    else low = middle;
  }
  return high;
}
