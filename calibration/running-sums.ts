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

/** The moments of every lower part of a distribution, in O(1) each; within a bin, elements are evenly spread. */
export class RunningSums {
  readonly #lows: Float64Array;
  readonly #highs: Float64Array;
  /** Elements per unit within each bin; 0 for a bin of one value. */
  readonly #densities: Float64Array;
  /** Moments of all bins before each bin, and of all of them at the end. */
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  /** For each key, the first bin whose upper end has it or a larger one. */
  readonly #firstBin = new Uint32Array(KEYS);

  constructor({ bins }: Distribution) {
    this.#lows = Float64Array.from(bins, ({ low }) => low);
    this.#highs = Float64Array.from(bins, ({ high }) => high);
    this.#densities = Float64Array.from(bins, densityOf);
    this.#counts = new Float64Array(bins.length + 1);
    this.#sums = new Float64Array(bins.length + 1);
    this.#squares = new Float64Array(bins.length + 1);
    let key = 0;
    for (const [index, { low, high, count }] of bins.entries()) {
      this.#counts[index + 1] = (this.#counts[index] as number) + count;
      this.#sums[index + 1] = (this.#sums[index] as number) + (count * (low + high)) / 2;
      // count·(high³ − low³)/3/(high − low), without the cancellation of large cubes.
      const squares = (count * (low * low + low * high + high * high)) / 3;
      this.#squares[index + 1] = (this.#squares[index] as number) + squares;
      for (const end = keyOf(high); key <= end; key++) this.#firstBin[key] = index;
    }
    this.#firstBin.fill(bins.length, key);
  }

  /** The moments of the elements below `x`. */
  upTo(x: number): Moments {
    const index = this.#binAt(x);
    const count = this.#counts[index] as number;
    const sum = this.#sums[index] as number;
    const squares = this.#squares[index] as number;
    const low = this.#lows[index] as number;
    // Beyond the last bin there is no lower end, and the comparison is false.
    if (!(x > low)) return [count, sum, squares];
    const part = (this.#densities[index] as number) * (x - low);
    return [count + part, sum + (part * (low + x)) / 2, squares + (part * (low * low + low * x + x * x)) / 3];
  }

  /** Σ (x − element) over the elements below `x`: how far they fall short of it together. */
  shortfall(x: number): number {
    const index = this.#binAt(x);
    const short = x * (this.#counts[index] as number) - (this.#sums[index] as number);
    const low = this.#lows[index] as number;
    return x > low ? short + ((this.#densities[index] as number) * (x - low) ** 2) / 2 : short;
  }

  /** Index of the first bin that reaches beyond `x`. */
  #binAt(x: number): number {
    let index = this.#firstBin[keyOf(x)] as number;
    while ((this.#highs[index] as number) <= x) index++;
    return index;
  }
}

function densityOf({ low, high, count }: Bin): number {
  return high > low ? count / (high - low) : 0;
}
