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
    // More levels than wanted, and fewer: what they come to, no prices paid.
    let [many, few] = [
      { length: 0, worth: 0 },
      { length: 0, worth: 0 },
    ];
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
      const found = { length, worth: value + length * price };
      if (length > count) [low, many] = [price, found];
      else [high, few] = [price, found];
      // What one of these levels gains on the average is between what the first and the last of them gain; of two levels, right
      // between. Else: the error of k levels goes about as 1/k², what one more gains as 1/k³.
      price =
        many.length > 0 && few.length > 0
          ? (many.worth - few.worth) / (many.length - few.length)
          : price * (length / count) ** 3;
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
      // From where on this node is the best one before, and from where on it is known to be.
      let begin = node + 1;
      let known = nodes;
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
          // One is so for none as a rule where the one before it was.
          if (known === nodes && other !== node - 1) {
            const end = nodes - 1;
            if (isBetter(moved, node, other, off, end)) known = end;
            else begin = nodes;
          }
          if (begin < nodes) begin = crossing(moved, node, other, off, begin, known, nodes);
          break;
        }
        known = begin;
        begin = node + 1;
      }
      // Before all others there is none.
      if (size === first && begin < nodes) begin = firstWorth(moved, node, value, known, nodes);
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

/** Whether a node is better before one than another is, whose own chain comes to less by `off`. */
function isBetter(moved: Float64Array, node: number, other: number, off: number, to: number): boolean {
  return off + (to - node) * (moved[node + to] as number) > (to - other) * (moved[other + to] as number);
}

/**
 * From where on a node is better than another one before it.
 *
 * @param off - by how much more its own chain comes to
 * @param low - where it is not better
 * @param high - where it is, or `nodes`: then it may be so for none
 */
function crossing(
  moved: Float64Array,
  node: number,
  other: number,
  off: number,
  low: number,
  high: number,
  nodes: number,
): number {
  let from = low;
  let to = high;
  // It is near to where it is known to be, or to where it was looked for.
  if (high < nodes) {
    for (let step = 1; to - step > from; step *= 2) {
      if (!isBetter(moved, node, other, off, to - step)) {
        from = to - step;
        break;
      }
      to -= step;
    }
  } else {
    for (let step = 1; from + step < to; step *= 2) {
      if (isBetter(moved, node, other, off, from + step)) {
        to = from + step;
        break;
      }
      from += step;
    }
  }
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (isBetter(moved, node, other, off, middle)) to = middle;
    else from = middle;
  }
  return to;
}

/**
 * From where on a node as the first one is worth its price.
 *
 * @param value - what it comes to, its price paid
 * @param known - where it is, or `nodes`: then it may be so for none
 */
function firstWorth(moved: Float64Array, node: number, value: number, known: number, nodes: number): number {
  let from = node;
  let to = known;
  if (known === nodes) {
    to = nodes - 1;
    if (!(value + (to - node) * (moved[node + to] as number) > 0)) return nodes;
  }
  for (let step = 1; to - step > from; step *= 2) {
    if (!(value + (to - step - node) * (moved[node + to - step] as number) > 0)) {
      from = to - step;
      break;
    }
    to -= step;
  }
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (value + (middle - node) * (moved[node + middle] as number) > 0) to = middle;
    else from = middle;
  }
  return to;
}
