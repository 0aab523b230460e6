import type { Bin, Distribution } from './statistics.js';

/** Number of elements below a value, their sum, and the sum of their squares. */
export type Moments = readonly [count: number, sum: number, squares: number];

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

const KEYS = 1 << 16;

/** The upper half of the float32 nearest to `x`, mapped so that a larger value never has a smaller key. */
function keyOf(x: number): number {
  floats[0] = x;
  const upper = (words[0] as number) >>> 16;
  return upper < KEYS / 2 ? upper + KEYS / 2 : KEYS - 1 - upper;
}

/** Places of what the table has of a bin: its ends, elements per unit (0 for a bin of one value), count and sum before it. */
const [HIGH, LOW, DENSITY, COUNT, SUM] = [0, 1, 2, 3, 4] as const;
const STRIDE = 8;

/** The moments of every lower part of a distribution, in O(1) each; within a bin, elements are evenly spread. */
export class RunningSums {
  /** What is known of each bin, side by side, so that a look-up touches one cache line. */
  readonly #table: Float64Array;
  /** Moments of all bins before each bin, and of all of them at the end. */
  readonly #squares: Float64Array;
  /** For each key, the first bin whose upper end has it or a larger one. */
  readonly #firstBin = new Uint32Array(KEYS);

  constructor({ bins }: Distribution) {
    const table = new Float64Array(STRIDE * (bins.length + 1));
    this.#table = table;
    this.#squares = new Float64Array(bins.length + 1);
    let key = 0;
    let [elements, sum] = [0, 0];
    for (let index = 0; index < bins.length; index++) {
      const bin = bins[index] as Bin;
      const { low, high, count } = bin;
      const at = STRIDE * index;
      table[at + LOW] = low;
      table[at + HIGH] = high;
      table[at + DENSITY] = densityOf(bin);
      table[at + COUNT] = elements;
      table[at + SUM] = sum;
      elements += count;
      sum += (count * (low + high)) / 2;
      // count·(high³ − low³)/3/(high − low), without the cancellation of large cubes.
      const squares = (count * (low * low + low * high + high * high)) / 3;
      this.#squares[index + 1] = (this.#squares[index] as number) + squares;
      for (const end = keyOf(high); key <= end; key++) this.#firstBin[key] = index;
    }
    this.#firstBin.fill(bins.length, key);
    const end = STRIDE * bins.length;
    table[end + LOW] = Number.NaN;
    table[end + HIGH] = Number.NaN;
    table[end + COUNT] = elements;
    table[end + SUM] = sum;
  }

  /** The moments of the elements below `x`. */
  upTo(x: number): Moments {
    const index = this.#binAt(x);
    const at = STRIDE * index;
    const count = this.#table[at + COUNT] as number;
    const sum = this.#table[at + SUM] as number;
    const squares = this.#squares[index] as number;
    const low = this.#table[at + LOW] as number;
    // Beyond the last bin there is no lower end, and the comparison is false.
    if (!(x > low)) return [count, sum, squares];
    const part = (this.#table[at + DENSITY] as number) * (x - low);
    return [count + part, sum + (part * (low + x)) / 2, squares + (part * (low * low + low * x + x * x)) / 3];
  }

  /**
   * Σ over thresholds x = (code − zeroPoint + ½)·scale, code from `low` to before `high`, of Σ (x − element) over the
   * elements below x: how far they fall short of it together.
   */
  shortfalls(scale: number, zeroPoint: number, low: number, high: number): number {
    const [table, firstBin] = [this.#table, this.#firstBin];
    let total = 0;
    for (let code = low; code < high; code++) {
      const x = (code - zeroPoint + 0.5) * scale;
      let at = STRIDE * (firstBin[keyOf(x)] as number);
      while ((table[at + HIGH] as number) <= x) at += STRIDE;
      const inside = x - (table[at + LOW] as number);
      const short = x * (table[at + COUNT] as number) - (table[at + SUM] as number);
      total += inside > 0 ? short + ((table[at + DENSITY] as number) * (inside * inside)) / 2 : short;
    }
    return total;
  }

  /** Index of the first bin that reaches beyond `x`. */
  #binAt(x: number): number {
    let index = this.#firstBin[keyOf(x)] as number;
    while ((this.#table[STRIDE * index + HIGH] as number) <= x) index++;
    return index;
  }
}

function densityOf({ low, high, count }: Bin): number {
  return high > low ? count / (high - low) : 0;
}
