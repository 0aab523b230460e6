import type { Boundaries, ClusterOptions, SortedMagnitudes } from './sorted-magnitudes.js';

/** Prices that are tried, at most. */
const MOST_PRICES = 12;

/** What one cluster more gains goes about as this power of their number: in samples of normal weights, of 2 to 32 clusters. */
const PRICE_POWER = -1.25;

/**
 * Of all importance, for each cluster and each unit of log N: far above what sums of doubles err by. Clusterings that are no
 * further apart are equal.
 */
const MARGIN = 2 ** -48;

/** Searches of fewer magnitudes keep their room for the next. */
const KEPT = 2 ** 16;

let kept: PricedClusters | undefined;

/**
 * The clustering of largest weighted entropy, where no other comes as near to it as sums of doubles err; else undefined.
 *
 * By a price on clusters (Aggarwal, Schieber and Tokuyama 1994, on k-link paths in graphs with the concave Monge property):
 * the largest S is concave in the number of clusters, so at some price the best clustering of any number has as many as are
 * wanted, and then it is the best of these. One pass over the magnitudes a price, O(D·log D), and no factor of the number.
 *
 * @param clusters - fewer than there are distinct magnitudes
 */
export function pricedClusters(
  sorted: SortedMagnitudes,
  clusters: number,
  options: ClusterOptions,
): Boundaries | undefined {
  const { length } = sorted.values;
  if (length >= KEPT) return new PricedClusters(length + 1).best(sorted, clusters, options);
  kept ??= new PricedClusters(KEPT);
  return kept.best(sorted, clusters, options);
}

/**
 * What is maximized is Σ −Σ_n·log |C_n|, N·S less log N times all importance; with a zero level, the importance of the first
 * cluster costs log N. Node i is the boundary below distinct magnitude i.
 */
interface Terms {
  /** As `SortedMagnitudes` has them. */
  readonly counts: Float64Array;
  readonly importances: Float64Array;
  /** Of whole numbers. */
  readonly logs: Float64Array;
  /** The last node. */
  readonly last: number;
  readonly zeroLevel: boolean;
}

class PricedClusters {
  /** Of the best clustering of what is below each node: what it comes to, prices paid, and where its last cluster begins. */
  readonly #values: Float64Array;
  readonly #predecessors: Int32Array;
  /** Nodes that are the best before some others, ascending, and the first that each is so for. */
  readonly #row: Int32Array;
  readonly #begins: Int32Array;
  /** The last price, as a part of what each cluster would have of the importance. */
  #share = 1;

  constructor(nodes: number) {
    this.#values = new Float64Array(nodes);
    this.#predecessors = new Int32Array(nodes);
    this.#row = new Int32Array(nodes);
    this.#begins = new Int32Array(nodes);
  }

  best(
    { values, counts, importances }: SortedMagnitudes,
    clusters: number,
    { zeroLevel = false }: ClusterOptions,
  ): Boundaries | undefined {
    const last = values.length;
    const total = counts[last] as number;
    const terms = { counts, importances, logs: logsTo(total), last, zeroLevel };
    const part = (importances[last] as number) / clusters;
    let price = this.#share * part;
    let [low, high] = [0, Number.POSITIVE_INFINITY];
    // More clusters than wanted, and fewer: what they come to, no prices paid.
    let [many, few] = [
      { length: 0, worth: 0 },
      { length: 0, worth: 0 },
    ];
    for (let tried = 0; tried < MOST_PRICES && price > low && price < high; tried++) {
      this.#pass(terms, price);
      let length = 0;
      for (let node = last; node > 0; length++) node = this.#predecessors[node] as number;
      if (length === clusters) {
        this.#share = price / part;
        const margin = MARGIN * clusters * (importances[last] as number) * (1 + Math.log(total));
        return this.#isAlone(terms, price, margin) ? this.#chain(clusters, last) : undefined;
      }
      const found = { length, worth: (this.#values[last] as number) + length * price };
      if (length > clusters) [low, many] = [price, found];
      else [high, few] = [price, found];
      // What one of these clusters gains on the average is between what the first and the last of them gain.
      price =
        many.length > 0 && few.length > 0
          ? (many.worth - few.worth) / (many.length - few.length)
          : price * (clusters / length) ** PRICE_POWER;
    }
    return undefined;
  }

  /**
   * The best clustering below each node at a price.
   *
   * Of two nodes before, the later one is the better from some node on, and remains so: those that are the best of any node
   * stand in a row, each with the node that it begins at (Galil and Park 1992).
   */
  #pass(terms: Terms, price: number): void {
    const { counts, importances, logs, last, zeroLevel } = terms;
    const values = this.#values;
    const predecessors = this.#predecessors;
    const row = this.#row;
    const begins = this.#begins;
    const logOfAll = logs[counts[last] as number] as number;
    let first = 0;
    let size = 0;
    if (!zeroLevel) {
      row[size] = 0;
      begins[size++] = 1;
    }
    for (let node = 1; node <= last; node++) {
      while (first + 1 < size && (begins[first + 1] as number) <= node) first++;
      const count = counts[node] as number;
      const importance = importances[node] as number;
      let value = Number.NEGATIVE_INFINITY;
      let before = 0;
      if (size > 0) {
        before = row[first] as number;
        const added = importance - (importances[before] as number);
        value = (values[before] as number) - added * (logs[count - (counts[before] as number)] as number);
      }
      if (zeroLevel && -importance * logOfAll >= value) {
        value = -importance * logOfAll;
        before = 0;
      }
      value -= price;
      values[node] = value;
      predecessors[node] = before;
      if (node === last) break;
      // From where on this node is the best one before, and from where on it is known to be.
      let begin = node + 1;
      let known = last + 1;
      for (; size > first; size--) {
        const other = row[size - 1] as number;
        const at = begins[size - 1] as number;
        if (at > begin) begin = at;
        const countTo = counts[begin] as number;
        const importanceTo = importances[begin] as number;
        const own = value - (importanceTo - importance) * (logs[countTo - count] as number);
        const added = importanceTo - (importances[other] as number);
        const log = logs[countTo - (counts[other] as number)] as number;
        if (own <= (values[other] as number) - added * log) {
          // One is so for none as a rule where the one before it was.
          if (known > last && row[size - 1] !== node - 1) {
            if (isBetter(terms, values, node, other, last)) known = last;
            else begin = last + 1;
          }
          if (begin <= last) begin = crossing(terms, values, node, other, begin, known);
          break;
        }
        known = begin;
        begin = node + 1;
      }
      if (begin <= last) {
        row[size] = node;
        begins[size++] = begin;
      }
    }
  }

  /** Whether any other clustering, of whatever number, comes to less by more than the margin. */
  #isAlone(terms: Terms, price: number, margin: number): boolean {
    const { counts, importances, logs, last, zeroLevel } = terms;
    const values = this.#values;
    const predecessors = this.#predecessors;
    // Another one comes from another node to one of this chain.
    for (let node = last; node > 0; ) {
      const before = predecessors[node] as number;
      const most = (values[node] as number) + price - margin;
      let from = 0;
      if (zeroLevel) {
        const alone = -(importances[node] as number) * (logs[counts[last] as number] as number);
        if (before > 0 && alone >= most) return false;
        from = 1;
      }
      // Where the node before is worth its price between the one before that and this one, it is so between these and any.
      const second = predecessors[before] as number;
      if (before > 0 && (second > 0 || !zeroLevel) && chainValue(terms, values, second, node) < most)
        from = second + 1;
      for (; from < node; from++)
        if (chainValue(terms, values, from, node) >= most && from !== before) return false;
      node = before;
    }
    return true;
  }

  #chain(clusters: number, last: number): Boundaries {
    const chain = new Int32Array(clusters + 1);
    for (let link = clusters, node = last; link > 0; link--) {
      chain[link] = node;
      node = this.#predecessors[node] as number;
    }
    return chain;
  }
}

/** What the best clustering below a node comes to with one cluster more, the price of that not paid. */
function chainValue(
  { counts, importances, logs }: Terms,
  values: Float64Array,
  from: number,
  to: number,
): number {
  const log = logs[(counts[to] as number) - (counts[from] as number)] as number;
  return (values[from] as number) - ((importances[to] as number) - (importances[from] as number)) * log;
}

/** Whether a cluster up to a node is better begun at one node than at another. */
function isBetter(terms: Terms, values: Float64Array, node: number, other: number, to: number): boolean {
  return chainValue(terms, values, node, to) > chainValue(terms, values, other, to);
}

/**
 * From where on a node is better than another one before it.
 *
 * @param low - where it is not
 * @param high - where it is, or one behind the last node: then it may be so for none
 */
function crossing(
  terms: Terms,
  values: Float64Array,
  node: number,
  other: number,
  low: number,
  high: number,
): number {
  let [from, to] = [low, high];
  // It is near to where it is known to be, or to where it was looked for.
  if (high <= terms.last) {
    for (let step = 1; to - step > from; step *= 2) {
      if (!isBetter(terms, values, node, other, to - step)) {
        from = to - step;
        break;
      }
      to -= step;
    }
  } else {
    for (let step = 1; from + step < to; step *= 2) {
      if (isBetter(terms, values, node, other, from + step)) {
        to = from + step;
        break;
      }
      from += step;
    }
  }
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (isBetter(terms, values, node, other, middle)) to = middle;
    else from = middle;
  }
  return to;
}

/** Logarithms of whole numbers: of 0 none is asked for. */
let logs = new Float64Array(0);

function logsTo(count: number): Float64Array {
  if (count < logs.length) return logs;
  const longer = new Float64Array(count < KEPT ? Math.min(KEPT, 2 * count) : count + 1);
  longer.set(logs);
  for (let n = logs.length; n < longer.length; n++) longer[n] = Math.log(n);
  if (longer.length <= KEPT) logs = longer;
  return longer;
}
