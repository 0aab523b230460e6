import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { channelAlong } from '../numerics/nd-array.js';
import type { QuantizedTensor } from '../quantize/quantized-tensor.js';
import { dequantizeTensor } from '../quantize/quantized-tensor.js';
import { uniformScale } from '../quantize/schemes/mse.js';
import { fullRange } from '../quantize/schemes/uniform.js';
import { errorOf, fitCodebook, fitScale, type Hessian } from './fit-levels.js';
import type { RoundedRow } from './round-with-feedback.js';
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
    for (const [scale, sharing] of byScale) {
      if (frees && sharing.length === 1) this.#fitLevels(sharing[0] as number, scale);
      else this.#fitScale(sharing, scale);
    }
    const { codes, scales, levels } = this.#copy;
    const fitted: QuantizedTensor =
      weight.kind === 'affine'
        ? { ...weight, codes: codes as Int8Array, scales }
        : { ...weight, indices: codes as Uint8Array, scales, levels: levels as Int8Array };
    return { weight: fitted, before: this.#before, after: this.#after };
  }

  #fitLevels(row: number, scale: number): void {
    const { weight, limit, floor } = this.#request;
    const hessian = this.#hessianOf(row);
    if (!hessian) return;
    const target = this.#target(row);
    const before = errorOf(target, this.#current(row), hessian);
    const count = 2 ** weight.bits;
    const least = floor[scale] as number;
    const fitted = fitCodebook(target, hessian, { count, limit, floor: least });
    this.#before += before;
    this.#after += Math.min(before, fitted.error);
    if (!(fitted.error < before)) return;
    this.#copy.scales[scale] = fitted.scale;
    for (let level = 0; level < count; level++) {
      const at = Math.min(level, fitted.levels.length - 1);
      (this.#copy.levels as Int8Array)[scale * count + level] = fitted.levels[at] as number;
    }
    this.#store(row, fitted, (index) => index);
  }

  /** Rows that share a scale, whose levels stay. */
  #fitScale(rows: readonly number[], scale: number): void {
    const { floor } = this.#request;
    const fitting = rows.filter((row) => this.#hessianOf(row));
    if (fitting.length === 0) return;
    const hessians = fitting.map((row) => this.#hessianOf(row) as Hessian);
    const targets = fitting.map((row) => this.#target(row));
    const before = targets.reduce(
      (sum, target, r) => sum + errorOf(target, this.#current(fitting[r] as number), hessians[r] as Hessian),
      0,
    );
    const { levels, codeOf } = this.#levelsOf(rows[0] as number);
    const least = floor[scale] as number;
    let best: ReturnType<typeof fitScale> | undefined;
    for (const start of this.#startsOf(targets, scale)) {
      const found = fitScale(targets, hessians, { levels, scale: start, floor: least });
      if (!best || found.error < best.error) best = found;
    }
    // Where rows of a group without an input share the scale, it must stay.
    const isFree = fitting.length === rows.length;
    this.#before += before;
    this.#after += Math.min(before, isFree && best ? best.error : before);
    if (!best || !isFree || !(best.error < before)) return;
    this.#copy.scales[scale] = best.scale;
    best.rows.forEach((row, r) => {
      this.#store(fitting[r] as number, row, codeOf);
    });
  }

  /** Scales to start from: the scheme's, and for uniform codes that of least squares for the target. */
  #startsOf(targets: readonly Float64Array[], scale: number): number[] {
    const { weight, limit, floor } = this.#request;
    const given = weight.scales[scale] as number;
    if (weight.kind !== 'affine') return [given];
    const all = Float32Array.from(targets.flatMap((target) => [...target]));
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
    const count = 2 ** weight.bits;
    const { channelsPerCodebook } = weight;
    const book = channelsPerCodebook
      ? Math.floor((this.#scaleOfRow[row] as number) / channelsPerCodebook)
      : 0;
    const stored = [...weight.levels.subarray(book * count, (book + 1) * count)];
    const levels = Int32Array.from(new Set(stored)).sort();
    const codes = Array.from(levels, (level) => stored.indexOf(level));
    return { levels, codeOf: (index) => codes[index] as number };
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
