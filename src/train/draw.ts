import type { Random } from '../../calibration/sampling.js';

/** Row numbers for step after step: every row once, in an order of the seed, before any comes again. */
export class Shuffled {
  readonly #order: number[];
  readonly #random: Random;
  #next = 0;

  constructor(rows: number, random: Random) {
    this.#order = Array.from({ length: rows }, (_, row) => row);
    this.#random = random;
    this.#shuffle();
  }

  take(count: number): BigInt64Array {
    return BigInt64Array.from({ length: count }, () => {
      if (this.#next === this.#order.length) this.#shuffle();
      return BigInt(this.#order[this.#next++] ?? 0);
    });
  }

  /** Fisher and Yates. */
  #shuffle(): void {
    const order = this.#order;
    for (let last = order.length - 1; last > 0; last--) {
      const other = Math.floor(this.#random() * (last + 1));
      [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
    }
    this.#next = 0;
  }
}

/** Row numbers, each by chance. */
export function randomRows(rows: number, count: number, random: Random): BigInt64Array {
  return BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * rows)));
}
