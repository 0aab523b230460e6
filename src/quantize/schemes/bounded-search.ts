/** The weights of one sign, and the levels that they can be given, in units of the scale. */
export interface Side {
  /** Magnitudes, ascending. */
  readonly magnitudes: Float64Array;
  /** Levels, ascending, > 0; below the first is 0. */
  readonly levels: readonly number[];
  /** The least magnitude that gets each level, ascending, > 0. */
  readonly thresholds: readonly number[];
}

/** Scales that the search begins at, in a geometric row. */
const STARTS = 8;

/** Steps that the best of them is improved by, before intervals are looked at. */
const STEPS = 3;

/** Events that are taken one after another: to part an interval with fewer costs more. */
const FEW_EVENTS = 12;

/** Halvings of an interval, at most: events that coincide cannot be parted. */
const MOST_DEPTH = 40;

/** Relative to Σw², far above what sums of doubles err by, and far below any error that counts. */
const MARGIN = 1e-12;

/** Two steps of float32 and more: rounded to it, a scale must not fall back behind an event. */
const GUARD = 2 ** -22;

/**
 * The scale of least squared error between two, exactly, by branch and bound.
 *
 * At a scale s the error is S − 2s·P(s) + s²·Q(s), P = Σ|w|·l and Q = Σl² from running sums over the sorted magnitudes: one
 * binary search a level. In an interval [a, b] every weight has the level that it has at a, or one that it leaves on the
 * way up to b; leaving l1 for l0 at t = |w|/θ changes its error by −s·(l1 − l0)·(s·(l1 + l0) − 2|w|), so that the error is
 * nowhere below the parabola of the levels at a, less s·Σ(l1 − l0)·max(0, s·(l1 + l0) − 2|w|) over the events. That sum is
 * convex in s, so below the line between its ends. Intervals that cannot hold a better scale are dropped, others halved, and
 * the events of those that hold few are swept.
 *
 * @param highest - scales from here
 * @param end - down to here
 * @returns of equal ones the highest
 */
export function boundedSearch(sides: readonly Side[], highest: number, end: number): number {
  let [length, count] = [0, 0];
  for (const { magnitudes, levels } of sides) {
    length += magnitudes.length;
    count += levels.length;
  }
  const search = kept?.holds(length, count) ? kept : new Search(Math.max(length, FEW_WEIGHTS), count);
  if (length <= KEPT_WEIGHTS) kept = search;
  return search.best(sides, highest, end);
}

/** Eight roundings of a double: what is further off divides to the same side. */
const NEAR = 2 ** -50;

/** The first of ascending magnitudes, from `low` to `high`, that has a level at a scale: |w| / threshold ≥ scale. */
export function firstAt(
  magnitudes: Float64Array,
  threshold: number,
  scale: number,
  low: number,
  high: number,
): number {
  // A product is off from what divides to the scale by a rounding: the neighbours say where it is.
  const reach = scale * threshold;
  let first = low;
  let end = high;
  while (first < end) {
    const middle = (first + end) >> 1;
    if ((magnitudes[middle] as number) >= reach) end = middle;
    else first = middle + 1;
  }
  if (
    (first === low || (magnitudes[first - 1] as number) < reach * (1 - NEAR)) &&
    (first === high || (magnitudes[first] as number) > reach * (1 + NEAR))
  )
    return first;
  while (first > low && (magnitudes[first - 1] as number) / threshold >= scale) first--;
  while (first < high && !((magnitudes[first] as number) / threshold >= scale)) first++;
  return first;
}

/** Points that are held at a time: those of the start, those of an interval's halves, and one more. */
const SLOTS = STARTS + MOST_DEPTH + 2;

/** Weights that there is room for in any search, and with how many it is kept for the next. */
const FEW_WEIGHTS = 2 ** 10;
const KEPT_WEIGHTS = 2 ** 14;

let kept: Search | undefined;

/** Plain arrays side by side, since channels are many and small: point p has its numbers at place p of each. */
class Search {
  readonly #magnitudes: Float64Array;
  /** Sums of the magnitudes before each. */
  readonly #sums: Float64Array;
  #count: number;
  /** For each level: where the magnitudes of its side begin and end, θ, l1 − l0, l1² − l0², l1 + l0. */
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #thresholds: Float64Array;
  readonly #rises: Float64Array;
  readonly #squareRises: Float64Array;
  readonly #levelSums: Float64Array;
  /** For each point: its scale, P, Q, and for each level the first magnitude that has it. */
  readonly #scales = new Float64Array(SLOTS);
  readonly #products = new Float64Array(SLOTS);
  readonly #levelSquares = new Float64Array(SLOTS);
  readonly #begins: Int32Array;
  #highest = 0;
  #end = 0;
  #squares = 0;
  /** An error that some scale has. */
  #known = Number.POSITIVE_INFINITY;
  #best = 0;
  #bestError = Number.POSITIVE_INFINITY;

  constructor(length: number, count: number) {
    this.#count = count;
    this.#magnitudes = new Float64Array(length);
    this.#sums = new Float64Array(length + 1);
    this.#from = new Int32Array(count);
    this.#to = new Int32Array(count);
    this.#thresholds = new Float64Array(count);
    this.#rises = new Float64Array(count);
    this.#squareRises = new Float64Array(count);
    this.#levelSums = new Float64Array(count);
    this.#begins = new Int32Array(SLOTS * count);
  }

  /** Whether there is room for so many weights and exactly so many levels. */
  holds(length: number, count: number): boolean {
    return length <= this.#magnitudes.length && count === this.#count;
  }

  #take(sides: readonly Side[], highest: number, end: number): void {
    this.#highest = highest;
    this.#end = end;
    this.#known = Number.POSITIVE_INFINITY;
    this.#best = highest;
    this.#bestError = Number.POSITIVE_INFINITY;
    let [from, l] = [0, 0];
    for (const { magnitudes, levels, thresholds } of sides) {
      this.#magnitudes.set(magnitudes, from);
      let below = 0;
      for (let k = 0; k < levels.length; k++, l++) {
        const level = levels[k] as number;
        this.#from[l] = from;
        this.#to[l] = from + magnitudes.length;
        this.#thresholds[l] = thresholds[k] as number;
        this.#rises[l] = level - below;
        this.#squareRises[l] = level * level - below * below;
        this.#levelSums[l] = level + below;
        below = level;
      }
      from += magnitudes.length;
    }
    let [sum, squares] = [0, 0];
    for (let i = 0; i < from; i++) {
      const w = this.#magnitudes[i] as number;
      squares += w * w;
      sum += w;
      this.#sums[i + 1] = sum;
    }
    this.#squares = squares;
  }

  best(sides: readonly Side[], high: number, low: number): number {
    this.#take(sides, high, low);
    if (!(high > low)) return high;
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let p = 0; p < STARTS; p++) {
      const error = this.#setPoint(
        p,
        p === STARTS - 1 ? low : high * (low / high) ** (p / (STARTS - 1)),
        p - 1,
      );
      if (error < least) [best, least] = [p, error];
    }
    for (let step = 0; step < STEPS; step++) {
      const ideal = (this.#products[best] as number) / (this.#levelSquares[best] as number);
      if (!(ideal >= low && ideal <= high)) break;
      best = SLOTS - 1;
      least = Math.min(least, this.#setPoint(best, ideal, -1));
    }
    this.#known = least;
    for (let p = 1; p < STARTS; p++) this.#within(p - 1, p, 0);
    return this.#best;
  }

  #errorAt(scale: number, products: number, levelSquares: number): number {
    return this.#squares - 2 * scale * products + scale * scale * levelSquares;
  }

  /**
   * Work a point out.
   *
   * @param above - a point of a higher scale, and one of a lower one, between which it is; −1 for none
   * @returns its error
   */
  #setPoint(point: number, scale: number, above: number, below = -1): number {
    const count = this.#count;
    const magnitudes = this.#magnitudes;
    const sums = this.#sums;
    const begins = this.#begins;
    const [froms, tos, thresholds] = [this.#from, this.#to, this.#thresholds];
    const [rises, squareRises] = [this.#rises, this.#squareRises];
    let products = 0;
    let levelSquares = 0;
    for (let l = 0; l < count; l++) {
      const to = tos[l] as number;
      const low = firstAt(
        magnitudes,
        thresholds[l] as number,
        scale,
        (below < 0 ? froms[l] : begins[below * count + l]) as number,
        above < 0 ? to : (begins[above * count + l] as number),
      );
      begins[point * count + l] = low;
      products += (rises[l] as number) * ((sums[to] as number) - (sums[low] as number));
      levelSquares += (squareRises[l] as number) * (to - low);
    }
    this.#scales[point] = scale;
    this.#products[point] = products;
    this.#levelSquares[point] = levelSquares;
    return this.#errorAt(scale, products, levelSquares);
  }

  /** Look for a better scale between two points. */
  #within(above: number, below: number, depth: number): void {
    const count = this.#count;
    const b = this.#scales[above] as number;
    const a = this.#scales[below] as number;
    const begins = this.#begins;
    const [levelSums, thresholds, rises] = [this.#levelSums, this.#thresholds, this.#rises];
    const sums = this.#sums;
    let events = 0;
    // What Σ(l1 − l0)·max(0, s·(l1 + l0) − 2|w|) over the events is at most, at s = a and at s = b.
    let [least, most] = [0, 0];
    for (let l = 0; l < count; l++) {
      const from = begins[below * count + l] as number;
      const to = begins[above * count + l] as number;
      const crossed = to - from;
      if (crossed === 0) continue;
      events += crossed;
      const rise = rises[l] as number;
      const levelSum = levelSums[l] as number;
      const reach = 2 * (thresholds[l] as number);
      if (levelSum >= reach) {
        least += crossed * rise * a * (levelSum - reach);
        most += rise * (crossed * b * levelSum - 2 * ((sums[to] as number) - (sums[from] as number)));
      } else if (b * levelSum > a * reach) most += crossed * rise * (b * levelSum - a * reach);
    }
    const bound = this.#boundOf(below, b, least, most);
    if (bound > Math.min(this.#known, this.#bestError) + MARGIN * this.#squares) return;
    const middle = Math.sqrt(a * b);
    if (events <= FEW_EVENTS || depth === MOST_DEPTH || !(middle > a && middle < b)) {
      this.#sweep(above, below, events);
      return;
    }
    const between = STARTS + depth;
    this.#setPoint(between, middle, above, below);
    this.#within(above, between, depth + 1);
    this.#within(between, below, depth + 1);
  }

  /**
   * What the error is nowhere below, from the scale of a point up to b.
   *
   * @param least - at that scale s the events take s times this from the parabola of the point's levels, at most, and at b s times
   *   `most`
   */
  #boundOf(point: number, b: number, least: number, most: number): number {
    const a = this.#scales[point] as number;
    const products = this.#products[point] as number;
    const levelSquares = this.#levelSquares[point] as number;
    const slope = (most - least) / (b - a);
    const boundAt = (x: number) =>
      this.#errorAt(a + x, products, levelSquares) - (a + x) * (least + slope * x);
    const bend = levelSquares - slope;
    if (!(bend > 0)) return Math.min(boundAt(0), boundAt(b - a));
    const x = (products - a * levelSquares + (least + a * slope) / 2) / bend;
    return boundAt(Math.min(Math.max(x, 0), b - a));
  }

  /** Take one event after another, and the best scale of each parabola between two. */
  #sweep(above: number, below: number, events: number): void {
    const count = this.#count;
    // In descending order of scale; of equal ones the order does not matter.
    const [scales, products, squares] = eventsOf(events);
    let known = 0;
    for (let l = 0; l < count; l++) {
      const first = this.#begins[below * count + l] as number;
      for (let i = (this.#begins[above * count + l] as number) - 1; i >= first; i--) {
        const magnitude = this.#magnitudes[i] as number;
        const scale = magnitude / (this.#thresholds[l] as number);
        let at = known++;
        for (; at > 0 && (scales[at - 1] as number) < scale; at--) {
          scales[at] = scales[at - 1] as number;
          products[at] = products[at - 1] as number;
          squares[at] = squares[at - 1] as number;
        }
        scales[at] = scale;
        products[at] = (this.#rises[l] as number) * magnitude;
        squares[at] = this.#squareRises[l] as number;
      }
    }
    const [top, bottom] = [this.#scales[above] as number, this.#scales[below] as number];
    let product = this.#products[above] as number;
    let levelSquare = this.#levelSquares[above] as number;
    let upper = top === this.#highest ? top * (1 - GUARD) : top;
    for (let k = 0; k <= events; k++) {
      const next = k < events ? (scales[k] as number) : bottom;
      const lower = k < events && next !== this.#end ? next * (1 + GUARD) : next;
      const ideal = levelSquare > 0 ? product / levelSquare : Number.POSITIVE_INFINITY;
      const candidate = Math.min(Math.max(ideal, lower), upper);
      const error = this.#errorAt(candidate, product, levelSquare);
      if (error < this.#bestError && candidate >= lower) {
        this.#best = candidate;
        this.#bestError = error;
      }
      if (k === events) break;
      product += products[k] as number;
      levelSquare += squares[k] as number;
      upper = next * (1 - GUARD);
    }
  }
}

let room: readonly [Float64Array, Float64Array, Float64Array] | undefined;

/** Room for so many events: their scales, and what P and Q gain. */
function eventsOf(count: number): readonly [Float64Array, Float64Array, Float64Array] {
  if (!room || room[0].length < count) {
    const length = Math.max(count, 2 * FEW_EVENTS);
    room = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
  }
  return room;
}
