import { boundedSearch, firstAt, type Side } from './bounded-search.js';

export type { Side } from './bounded-search.js';

/** With more levels than this, one sweep over all events costs less than bounds of many intervals do. */
const FEW_LEVELS = 64;

/**
 * The scale of least squared error, exactly: min over s ≥ least of Σ (|w| − s·level(|w|/s))².
 *
 * As s falls, one weight after the other moves up a level, at s = |w| / threshold. Between two such events the error is
 * the parabola Σw² − 2s·Σw·l + s²·Σl², so running sums give its least value. The events of one level come in the order
 * of the magnitudes: a heap merges the levels, or, where they are few, intervals without a better scale are passed over
 * (`boundedSearch`). The search ends where the weights beyond the top level alone cost more
 * than the best scale found. It starts at twice the scale at which nothing is beyond it: levels that are as good at a
 * larger scale are there at half of it, too (uniform levels, powers of two).
 *
 * @param least - the smallest scale allowed, > 0
 */
export function leastSquaresScale(sides: readonly Side[], least: number): number {
  const unclipped = Math.max(
    ...sides.map((side) => (side.magnitudes.at(-1) ?? 0) / (side.levels.at(-1) ?? 1)),
  );
  const highest = 2 * unclipped;
  if (!(highest > least)) return least;
  const end = Math.max(least, clippingBound(sides, unclipped));
  const levels = sides.reduce((sum, side) => sum + side.levels.length, 0);
  return levels <= FEW_LEVELS ? boundedSearch(sides, highest, end) : sweepAll(sides, highest, end);
}

/** Every event from the highest scale to the end. */
function sweepAll(sides: readonly Side[], highest: number, end: number): number {
  const sweep = new Sweep(sides, highest);
  let best = highest;
  let bestError = Number.POSITIVE_INFINITY;
  for (let scale = highest; scale > end; ) {
    const next = Math.max(sweep.nextScale, end);
    const ideal = sweep.idealScale;
    // Rounded to float32, a scale must not fall back behind an event: 2^-22 is four of its steps.
    const lowest = next === end ? end : next * (1 + 2 ** -22);
    const candidate = Math.min(Math.max(ideal, lowest), scale * (1 - 2 ** -22));
    const error = sweep.errorAt(candidate);
    if (error < bestError && candidate >= lowest) [best, bestError] = [candidate, error];
    scale = next;
    sweep.advance();
  }
  return best;
}

/** The sums of Σ(w − s·l)² while s falls. */
class Sweep {
  readonly #lists: List[] = [];
  #squares = 0;
  #products = 0;
  #levelSquares = 0;

  constructor(sides: readonly Side[], scale: number) {
    for (const side of sides) {
      for (const w of side.magnitudes) this.#squares += w * w;
      side.levels.forEach((level, k) => {
        const threshold = side.thresholds[k] as number;
        const list = new List(side.magnitudes, threshold, level, side.levels[k - 1] ?? 0, scale);
        this.#products += list.rise * list.sumAbove;
        this.#levelSquares += list.riseOfSquare * list.countAbove;
        if (list.scale > 0) this.#lists.push(list);
      });
    }
    this.#lists.sort((a, b) => b.scale - a.scale);
  }

  /** The scale at which the next weight moves up a level; 0 after the last one. */
  get nextScale(): number {
    return this.#lists[0]?.scale ?? 0;
  }

  /** The scale at which the levels of now are least squares. */
  get idealScale(): number {
    return this.#levelSquares > 0 ? this.#products / this.#levelSquares : Number.POSITIVE_INFINITY;
  }

  errorAt(scale: number): number {
    return this.#squares - 2 * scale * this.#products + scale * scale * this.#levelSquares;
  }

  /** Move one weight up a level. */
  advance(): void {
    const lists = this.#lists;
    const list = lists[0];
    if (!list) return;
    this.#products += list.rise * list.magnitude;
    this.#levelSquares += list.riseOfSquare;
    list.pop();
    // Sift the top of the heap down to where its next event belongs.
    const { scale } = list;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = lists[child];
      if (!left) break;
      const right = lists[child + 1];
      if (right && right.scale > left.scale) child++;
      const larger = lists[child] as List;
      if (larger.scale <= scale) break;
      lists[at] = larger;
      at = child;
    }
    lists[at] = list;
  }
}

/** The weights that still are below one level, in the order in which they reach it. */
class List {
  readonly rise: number;
  readonly riseOfSquare: number;
  readonly countAbove: number;
  readonly sumAbove: number;
  /** The scale at which the next one gets there; 0 after the last one. */
  scale = 0;
  magnitude = 0;
  #at: number;
  readonly #magnitudes: Float64Array;
  readonly #threshold: number;

  constructor(magnitudes: Float64Array, threshold: number, level: number, levelBelow: number, scale: number) {
    this.#magnitudes = magnitudes;
    this.#threshold = threshold;
    this.rise = level - levelBelow;
    this.riseOfSquare = level * level - levelBelow * levelBelow;
    let sum = 0;
    let at = magnitudes.length;
    while (at > 0 && (magnitudes[at - 1] as number) / threshold >= scale) {
      at--;
      sum += magnitudes[at] as number;
    }
    this.countAbove = magnitudes.length - at;
    this.sumAbove = sum;
    this.#at = at;
    this.pop();
  }

  pop(): void {
    this.#at--;
    this.magnitude = this.#at >= 0 ? (this.#magnitudes[this.#at] as number) : 0;
    this.scale = this.magnitude / this.#threshold;
  }
}

/** Halvings of the interval of the bound: it need not be sharp. */
const BOUND_STEPS = 12;

/** A scale below which the weights beyond the top level cost more than all do at the unclipped scale. */
function clippingBound(sides: readonly Side[], unclipped: number): number {
  let reference = 0;
  for (const side of sides) reference += errorOf(side, unclipped);
  let low = 0;
  let high = unclipped;
  for (let step = 0; step < BOUND_STEPS; step++) {
    const middle = (low + high) / 2;
    let clipped = 0;
    for (const side of sides) clipped += clippingError(side, middle, reference);
    if (clipped > reference) low = middle;
    else high = middle;
  }
  return low;
}

function errorOf({ magnitudes, levels, thresholds }: Side, scale: number): number {
  let error = 0;
  let i = 0;
  for (let k = 0; k <= levels.length; k++) {
    const end =
      k < levels.length
        ? firstAt(magnitudes, thresholds[k] as number, scale, i, magnitudes.length)
        : magnitudes.length;
    const stored = scale * (levels[k - 1] ?? 0);
    for (; i < end; i++) {
      const off = (magnitudes[i] as number) - stored;
      error += off * off;
    }
  }
  return error;
}

/** What is beyond the top level adds to the error; some of it, where that is more than asked for. */
function clippingError({ magnitudes, levels }: Side, scale: number, most: number): number {
  const top = scale * (levels.at(-1) ?? 0);
  let error = 0;
  for (let i = magnitudes.length - 1; i >= 0 && (magnitudes[i] as number) > top && error <= most; i--) {
    const off = (magnitudes[i] as number) - top;
    error += off * off;
  }
  return error;
}
