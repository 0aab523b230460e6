import type { BatchRows } from '../../calibration/source.js';
import type { NdArray } from '../numerics/nd-array.js';
import { rowsOf } from './drift.js';

/** What the calibration samples held, by value. */
export type SeenRanges = ReadonlyMap<string, { readonly min: number; readonly max: number }>;

/** A value that the samples measured on take beyond what calibration has seen. */
export interface BeyondRange {
  readonly name: string;
  /** Of its elements, those outside. */
  readonly share: number;
}

/** Counts the elements of float values that lie outside of what the calibration samples held. */
export class BeyondMeter {
  readonly #ranges: SeenRanges;
  readonly #counts = new Map<string, { outside: number; all: number }>();

  constructor(ranges: SeenRanges) {
    this.#ranges = ranges;
  }

  add(name: string, value: NdArray, batch: BatchRows): void {
    const range = this.#ranges.get(name);
    if (!range || !value.type.startsWith('float')) return;
    const count = this.#counts.get(name) ?? { outside: 0, all: 0 };
    this.#counts.set(name, count);
    const rows = rowsOf(value, batch);
    for (let i = 0; i < rows.length; i++) {
      const x = rows[i] as number;
      if (x < range.min || x > range.max) count.outside++;
    }
    count.all += rows.length;
  }

  /** Those with any element outside, the largest share first. */
  get beyond(): BeyondRange[] {
    return [...this.#counts]
      .filter(([, { outside }]) => outside > 0)
      .map(([name, { outside, all }]) => ({ name, share: outside / all }))
      .sort((a, b) => b.share - a.share);
  }
}
