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
  readonly #nonFinite = new Map<string, number>();
  readonly #counts = new Map<string, { outside: number; all: number }>();

  constructor(ranges: SeenRanges) {
    this.#ranges = ranges;
  }

  add(name: string, value: NdArray, batch: BatchRows): void {
    const range = this.#ranges.get(name);
    if (!value.type.startsWith('float')) return;
    this.#countNonFinite(name, rowsOf(value, batch));
    if (!range) return;
    const count = this.#counts.get(name) ?? { outside: 0, all: 0 };
    this.#counts.set(name, count);
    const rows = rowsOf(value, batch);
    for (let i = 0; i < rows.length; i++) {
      const x = rows[i] as number;
      if (x < range.min || x > range.max) count.outside++;
    }
    count.all += rows.length;
  }

  #countNonFinite(name: string, rows: ArrayLike<number>): void {
    let count = 0;
    for (let i = 0; i < rows.length; i++) if (!Number.isFinite(rows[i])) count++;
    if (count > 0) this.#nonFinite.set(name, (this.#nonFinite.get(name) ?? 0) + count);
  }

  /** Values with elements that are not finite in float, and how many, in the order of the graph. */
  get nonFinite(): { readonly name: string; readonly elements: number }[] {
    return [...this.#nonFinite].map(([name, elements]) => ({ name, elements }));
  }

  /** Those with any element outside, the largest share first. */
  get beyond(): BeyondRange[] {
    return [...this.#counts]
      .filter(([, { outside }]) => outside > 0)
      .map(([name, { outside, all }]) => ({ name, share: outside / all }))
      .sort((a, b) => b.share - a.share);
  }
}
