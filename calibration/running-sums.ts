import type { Bin, Distribution } from './statistics.js';

/** Number of elements below a value, their sum, and the sum of their squares. */
export type Moments = readonly [count: number, sum: number, squares: number];

/** The moments of every lower part of a distribution, in O(log bins) each; within a bin, elements are evenly spread. */
export class RunningSums {
  readonly #bins: readonly Bin[];
  /** Moments of all bins before each bin, and of all of them at the end. */
  readonly #before: Moments[];

  constructor({ bins }: Distribution) {
    this.#bins = bins;
    let [count, sum, squares] = [0, 0, 0];
    this.#before = [[0, 0, 0]];
    for (const bin of bins) {
      const [binCount, binSum, binSquares] = partOf(bin, bin.high);
      count += binCount;
      sum += binSum;
      squares += binSquares;
      this.#before.push([count, sum, squares]);
    }
  }

  /** The moments of the elements below `x`. */
  upTo(x: number): Moments {
    const index = this.#binAt(x);
    const before = this.#before[index] as Moments;
    const bin = this.#bins[index];
    if (!bin || x <= bin.low) return before;
    const [count, sum, squares] = partOf(bin, x);
    return [before[0] + count, before[1] + sum, before[2] + squares];
  }

  /** Index of the first bin that reaches beyond `x`. */
  #binAt(x: number): number {
    let low = 0;
    let high = this.#bins.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#bins[middle] as Bin).high <= x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Moments of the part of a bin below `x`: ∫ over an even density. */
function partOf({ low, high, count }: Bin, x: number): Moments {
  const top = Math.min(x, high);
  const density = high > low ? count / (high - low) : 0;
  if (density === 0) return [count, count * low, count * low * low];
  const width = top - low;
  // (top³ − low³)/3 without the cancellation of large cubes.
  return [
    density * width,
    (density * width * (low + top)) / 2,
    (density * width * (low * low + low * top + top * top)) / 3,
  ];
}
