import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { channelAlong } from '../numerics/nd-array.js';
import type { Pairing } from '../quantize/pairs.js';
import type { QuantizedTensor } from '../quantize/quantized-tensor.js';
import { bookOf, dequantizeTensor } from '../quantize/quantized-tensor.js';
import { uniformScale } from '../quantize/schemes/mse.js';
import { fullRange } from '../quantize/schemes/uniform.js';
import { type FittedScale, fitCodebooks, fitScales, type RowsOfScale } from './fit-levels.js';
import type { Hessian } from './hessian.js';
import { type RoundedRow, rowError } from './round-with-feedback.js';
import type { WeightMatrix } from './weight-matrix.js';

/** A weight to be fitted anew. */
export interface WeightToFit {
  readonly weight: QuantizedTensor;
  readonly matrix: WeightMatrix;
  /** The rows of all groups, one after the other: what the weight should be. */
  readonly targets: Float64Array;
  /** One a group; undefined where a group's input is constant, which then stays as it is. */
  readonly hessians: readonly (Hessian | undefined)[];
  /** Largest integer of the weight. */
  readonly limit: number;
  /** The smallest scales, one a scale. */
  readonly floor: Float32Array;
  /** Whether the levels of a codebook may be chosen anew; else they belong to the scheme. */
  readonly freesLevels: boolean;
  /** Whether its scales are powers of two. */
  readonly powersOfTwo: boolean;
  /** How often levels and scales are chosen anew. */
  readonly refits: number;
  /** How the layer's kernel adds its products; undefined where nothing can saturate, or may. */
  readonly pairing?: Pairing | undefined;
}

/** A weight fitted, and the error of its rows before and after. */
export interface FittedWeight {
  readonly weight: QuantizedTensor;
  readonly before: number;
  readonly after: number;
}

/** Codebooks of more levels than this are as good as uniform codes: their levels stay. */
const MOST_FREE_BITS = 5;

/**
 * Fit a quantized weight to a target under H: codes by feedback, levels or scales by least squares. A row whose error
 * would rise stays as it is.
 */
export function fitWeight(request: WeightToFit): FittedWeight {
  const { weight } = request;
  const frees =
    request.freesLevels &&
    weight.kind === 'codebook' &&
    weight.channelsPerCodebook === 1 &&
    weight.axis !== undefined &&
    weight.bits <= MOST_FREE_BITS;
  return new Fitter(request).fit(frees);
}

class Fitter {
  readonly #request: WeightToFit;
  readonly #values: Float32Array;
  readonly #scaleOfRow: Int32Array;
  readonly #copy: { codes: Int8Array | Uint8Array; scales: Float32Array; levels: Int8Array | undefined };
  #before = 0;
  #after = 0;

  constructor(request: WeightToFit) {
    this.#request = request;
    const { weight, matrix } = request;
    this.#values = dequantizeTensor(weight);
    const along = channelAlong(weight.dims, weight.axis);
    this.#scaleOfRow = Int32Array.from({ length: matrix.groups * matrix.rows }, (_, row) =>
      along(matrix.elements[row * matrix.columns] as number),
    );
    this.#copy = {
      codes: weight.kind === 'affine' ? weight.codes.slice() : weight.indices.slice(),
      scales: weight.scales.slice(),
      levels: weight.kind === 'codebook' ? weight.levels.slice() : undefined,
    };
  }

  fit(frees: boolean): FittedWeight {
    const { weight } = this.#request;
    const byScale = new Map<number, number[]>();
    this.#scaleOfRow.forEach((scale, row) => {
      byScale.set(scale, [...(byScale.get(scale) ?? []), row]);
    });
    const alone: [scale: number, row: number][] = [];
    const shared: [scale: number, rows: readonly number[]][] = [];
    for (const [scale, sharing] of byScale) {
      // Where rows of a group without an input share the scale, it must stay.
      if (sharing.some((row) => !this.#hessianOf(row))) continue;
      if (frees && sharing.length === 1) alone.push([scale, sharing[0] as number]);
      else shared.push([scale, sharing]);
    }
    this.#fitLevels(alone);
    this.#fitScales(shared);
    const { codes, scales, levels } = this.#copy;
    const fitted: QuantizedTensor =
      weight.kind === 'affine'
        ? { ...weight, codes: codes as Int8Array, scales }
        : { ...weight, indices: codes as Uint8Array, scales, levels: levels as Int8Array };
    return { weight: fitted, before: this.#before, after: this.#after };
  }

  /** Rows with a codebook of their own. */
  #fitLevels(rows: readonly (readonly [scale: number, row: number])[]): void {
    const { weight, limit, floor, hessians, refits } = this.#request;
    const count = 2 ** weight.bits;
    for (const hessian of hessians) {
      if (!hessian) continue;
      const own = rows.filter(([, row]) => this.#hessianOf(row) === hessian);
      const targets = own.map(([, row]) => this.#target(row));
      const limits = own.map(([scale]) => ({ count, limit, floor: floor[scale] as number }));
      fitCodebooks(targets, hessian, limits, refits).forEach((fitted, r) => {
        const [scale, row] = own[r] as (typeof own)[number];
        const before = rowError(targets[r] as Float64Array, this.#current(row), hessian);
        this.#before += before;
        this.#after += Math.min(before, fitted.error);
        if (!(fitted.error < before)) return;
        this.#copy.scales[scale] = fitted.scale;
        for (let level = 0; level < count; level++) {
          const at = Math.min(level, fitted.levels.length - 1);
          (this.#copy.levels as Int8Array)[scale * count + level] = fitted.levels[at] as number;
        }
        this.#store(row, fitted, (index) => index);
      });
    }
  }

  /** Rows that share a scale, or whose levels stay. */
  #fitScales(shared: readonly (readonly [scale: number, rows: readonly number[]])[]): void {
    const { floor, powersOfTwo, refits } = this.#request;
    const pairs = this.#pairs();
    const asked = shared.flatMap(([scale, sharing]) => {
      const rows = sharing.map((row) => ({
        target: this.#target(row),
        hessian: this.#hessianOf(row) as Hessian,
      }));
      const { levels, codeOf } = this.#levelsOf(sharing[0] as number);
      const starts = this.#startsOf(rows, scale);
      const least = floor[scale] as number;
      return starts.map((start) => ({
        powersOfTwo,
        pairs,
        of: scale,
        codeOf,
        sharing,
        rows,
        levels,
        scale: start,
        floor: least,
      }));
    });
    const best = new Map<number, { error: number; at: number }>();
    const fitted = fitScales(asked, refits);
    fitted.forEach(({ error }, at) => {
      const { of } = asked[at] as (typeof asked)[number];
      const known = best.get(of);
      if (!known || error < known.error) best.set(of, { error, at });
    });
    for (const [scale, { error, at }] of best) {
      const { rows, sharing, codeOf } = asked[at] as (typeof asked)[number];
      const before = rows.reduce(
        (sum, { target, hessian }, r) => sum + rowError(target, this.#current(sharing[r] as number), hessian),
        0,
      );
      this.#before += before;
      this.#after += Math.min(before, error);
      if (!(error < before)) continue;
      const { scale: stored, rows: rounded } = fitted[at] as FittedScale;
      this.#copy.scales[scale] = stored;
      rounded.forEach((row, r) => {
        this.#store(sharing[r] as number, row, codeOf);
      });
    }
  }

  /** Scales to start from: the scheme's, and for uniform codes that of least squares for the target. */
  #startsOf(rows: readonly { target: Float64Array }[], scale: number): number[] {
    const { weight, limit, floor } = this.#request;
    const given = weight.scales[scale] as number;
    if (weight.kind !== 'affine') return [given];
    const all = Float32Array.from(rows.flatMap(({ target }) => [...target]));
    const least = Math.max(floor[scale] as number, SMALLEST_NORMAL);
    return [given, uniformScale(all, fullRange({ bits: weight.bits, limit }), least)];
  }

  /** The levels that a row has now, ascending, and what is stored for each. */
  #levelsOf(row: number): { levels: Int32Array; codeOf: (index: number) => number } {
    const { weight, limit } = this.#request;
    if (weight.kind === 'affine') {
      const { low, high } = fullRange({ bits: weight.bits, limit });
      const levels = Int32Array.from({ length: high - low + 1 }, (_, index) => low + index);
      return { levels, codeOf: (index) => levels[index] as number };
    }
    const stored = [...bookOf(weight, this.#scaleOfRow[row] as number)];
    const levels = Int32Array.from(new Set(stored)).sort();
    const codes = Array.from(levels, (level) => stored.indexOf(level));
    return { levels, codeOf: (index) => codes[index] as number };
  }

  /** Which columns of a row are added in pairs: the same in all rows. */
  #pairs(): RowsOfScale['pairs'] {
    const { pairing, matrix } = this.#request;
    if (!pairing) return undefined;
    const first = matrix.elements[0] as number;
    const columnAt = new Map<number, number>();
    for (let k = 0; k < matrix.columns; k++) columnAt.set((matrix.elements[k] as number) - first, k);
    const partners = new Int32Array(matrix.columns).fill(-1);
    pairing.offsets.forEach((offset, k) => {
      const other = columnAt.get(pairing.offsets[k ^ 1] ?? -1);
      if (other !== undefined) partners[columnAt.get(offset) as number] = other;
    });
    return { partners, bound: pairing.bound };
  }

  #hessianOf(row: number): Hessian | undefined {
    const { matrix, hessians } = this.#request;
    return hessians[Math.floor(row / matrix.rows)];
  }

  #target(row: number): Float64Array {
    const { columns } = this.#request.matrix;
    return this.#request.targets.subarray(row * columns, (row + 1) * columns);
  }

  #current(row: number): Float64Array {
    const { columns, elements } = this.#request.matrix;
    return Float64Array.from(
      { length: columns },
      (_, k) => this.#values[elements[row * columns + k] as number] as number,
    );
  }

  #store(row: number, { indices }: Pick<RoundedRow, 'indices'>, codeOf: (index: number) => number): void {
    const { columns, elements } = this.#request.matrix;
    for (let k = 0; k < columns; k++) {
      this.#copy.codes[elements[row * columns + k] as number] = codeOf(indices[k] as number);
    }
  }
}
