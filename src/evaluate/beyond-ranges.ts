import type { BatchRows } from '../../calibration/source.js';
import type { NdArray } from '../numerics/nd-array.js';
import { rowsOf } from './drift.js';

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** What the calibration samples held, by value, and what its codes hold without clipping; undefined where it has none. */
export type SeenRanges = ReadonlyMap<string, Bounds & { readonly held?: Bounds | undefined }>;

/** A value that the samples measured on take beyond what calibration has seen. */
export interface BeyondRange {
  readonly name: string;
  /** Of its elements, those outside. */
  readonly share: number;
}

/** Of a value that calibration did not observe, or that has no codes: nothing is outside. */
const EVERYTHING: Bounds = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

/** Counts the elements of float values that lie outside of what the calibration samples held. */
export class BeyondMeter {
  readonly #ranges: SeenRanges;
  readonly #nonFinite = new Map<string, number>();
  readonly #counts = new Map<string, { outside: number; clipped: number; all: number }>();

  constructor(ranges: SeenRanges) {
    this.#ranges = ranges;
  }

  add(name: string, value: NdArray, batch: BatchRows): void {
    if (!value.type.startsWith('float')) return;
    const range = this.#ranges.get(name);
    const { min, max } = range ?? EVERYTHING;
    const { min: least, max: most } = range?.held ?? EVERYTHING;
    const rows = rowsOf(value, batch);
    let [outside, clipped, nonFinite] = [0, 0, 0];
    // Nearly all lie within all bounds, which one comparison with the innermost tells.
    const low = Math.max(min, least, -Number.MAX_VALUE);
    const high = Math.min(max, most, Number.MAX_VALUE);
    for (let i = 0; i < rows.length; i++) {
      const x = rows[i] as number;
      if (x >= low && x <= high) continue;
      if (x < min || x > max) outside++;
      if (x < least || x > most) clipped++;
      if (!Number.isFinite(x)) nonFinite++;
    }
    if (nonFinite > 0) this.#nonFinite.set(name, (this.#nonFinite.get(name) ?? 0) + nonFinite);
    if (!range) return;
    const count = this.#counts.get(name) ?? { outside: 0, clipped: 0, all: 0 };
    this.#counts.set(name, count);
    count.outside += outside;
    count.clipped += clipped;
    count.all += rows.length;
  }

  /** Values with elements that are not finite in float, and how many, in the order of the graph. */
  get nonFinite(): { readonly name: string; readonly elements: number }[] {
    return [...this.#nonFinite].map(([name, elements]) => ({ name, elements }));
  }

  /** Of each value with codes, the share of its elements that they clip. */
  get saturated(): ReadonlyMap<string, number> {
    const coded = [...this.#counts].filter(([name]) => this.#ranges.get(name)?.held);
    return new Map(coded.map(([name, { clipped, all }]) => [name, all === 0 ? 0 : clipped / all]));
  }

  /** Those with any element outside, the largest share first. */
  get beyond(): BeyondRange[] {
    return [...this.#counts]
      .filter(([, { outside }]) => outside > 0)
      .map(([name, { outside, all }]) => ({ name, share: outside / all }))
      .sort((a, b) => b.share - a.share);
  }
}
