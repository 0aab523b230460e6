import type { BatchRows } from '../../calibration/source.js';
import { type NdArray, numbersOf } from '../numerics/nd-array.js';

/** How far two tensors are apart, over all samples. */
export interface Drift {
  /** 10·log10(Σ float² / Σ (float − quantized)²); null where they do not differ at all. */
  readonly sqnrDb: number | null;
  /** Cosine of the angle between the two, over all elements of all samples; null where one is all zero. */
  readonly cosine: number | null;
  /** ‖float − quantized‖ / ‖float‖, over all elements of all samples; null where float is all zero. */
  readonly relativeL2: number | null;
  readonly maxAbsError: number;
  /** Share of the samples whose largest element, or only text, is the same one; null unless the output is [N, classes]. */
  readonly topOneAgreement: number | null;
  /** Share of the samples whose largest element in float is among the quantized's five; null below six classes. */
  readonly topFiveAgreement: number | null;
  /** Elements that are finite in one of the two only; all of them where none is finite in either. */
  readonly nonFiniteMismatches: number;
  /** Samples on which the two have different shapes, as where a length depends on the data; they are not compared. */
  readonly shapeMismatches: number;
  readonly samples: number;
}

/** How many of the largest scores "top-5" speaks of. */
export const TOP = 5;

/** Sums up the drift of one value, sample by sample, in float64. */
export class DriftMeter {
  #signal = 0;
  #other = 0;
  #product = 0;
  #noise = 0;
  #maxAbsError = 0;
  #mismatches = 0;
  #alike = 0;
  #compared = 0;
  #shapeMismatches = 0;
  #samples = 0;
  #classified = 0;
  #agreed = 0;
  #rankedFive = 0;
  #agreedFive = 0;

  add(reference: NdArray, quantized: NdArray, batch: BatchRows): void {
    const { samples } = batch;
    this.#samples += samples;
    if (!sameDims(reference, quantized)) {
      this.#shapeMismatches += samples;
      return;
    }
    const a = rowsOf(reference, batch);
    const b = rowsOf(quantized, batch);
    if (reference.isText) {
      this.#addTexts(a, b, samples);
      return;
    }
    for (let i = 0; i < a.length; i++) this.#addElement(a[i] as number, b[i] as number);
    const classes = reference.dims[1] ?? 0;
    if (!isClassScores(reference, batch)) return;
    this.#classified += samples;
    if (classes > TOP) this.#rankedFive += samples;
    for (let row = 0; row < samples; row++) {
      const start = row * classes;
      const best = argmax(a, start, classes);
      if (best === undefined) continue;
      const rank = rankIn(b, start, classes, best);
      if (rank === 0) this.#agreed++;
      if (classes > TOP && rank < TOP) this.#agreedFive++;
    }
  }

  /** Texts are as far apart as classes: each a vector of one 1, another text another one. */
  #addTexts(a: ArrayLike<number>, b: ArrayLike<number>, samples: number): void {
    let equal = 0;
    for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++;
    this.#signal += a.length;
    this.#other += a.length;
    this.#product += equal;
    this.#noise += 2 * (a.length - equal);
    if (equal < a.length) this.#maxAbsError = 1;
    if (a.length !== samples) return;
    this.#classified += samples;
    this.#agreed += equal;
  }

  #addElement(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (!Object.is(x, y)) this.#mismatches++;
      else this.#alike++;
      return;
    }
    this.#compared++;
    const error = x - y;
    this.#signal += x * x;
    this.#other += y * y;
    this.#product += x * y;
    this.#noise += error * error;
    this.#maxAbsError = Math.max(this.#maxAbsError, Math.abs(error));
  }

  get drift(): Drift {
    const norms = Math.sqrt(this.#signal * this.#other);
    return {
      sqnrDb:
        this.#noise === 0 ? null : 10 * Math.log10(Math.max(this.#signal, Number.MIN_VALUE) / this.#noise),
      cosine: norms === 0 ? null : this.#product / norms,
      relativeL2: this.#signal === 0 ? null : Math.sqrt(this.#noise / this.#signal),
      maxAbsError: this.#maxAbsError,
      topOneAgreement: shareOf(this.#agreed, this.#classified),
      topFiveAgreement: shareOf(this.#agreedFive, this.#rankedFive),
      // Two models that both give nothing do not agree on anything.
      nonFiniteMismatches: this.#mismatches + (this.#compared === 0 ? this.#alike : 0),
      shapeMismatches: this.#shapeMismatches,
      samples: this.#samples,
    };
  }
}

const shareOf = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

export const sameDims = (a: NdArray, b: NdArray): boolean =>
  a.dims.length === b.dims.length && a.dims.every((dim, axis) => dim === b.dims[axis]);

/** Whether a value is one row of class scores a sample: [N, classes], of floats. */
export function isClassScores({ type, dims }: NdArray, { size }: BatchRows): boolean {
  return type.startsWith('float') && dims.length === 2 && dims[0] === size && (dims[1] ?? 0) > 1;
}

/** The elements that count: all of them, unless axis 0 is that of a batch that was filled up. */
export function rowsOf({ type, data, dims }: NdArray, { size, samples }: BatchRows): ArrayLike<number> {
  const isFilled = dims[0] === size && samples < size;
  return numbersOf({ type, data: isFilled ? data.subarray(0, (data.length / size) * samples) : data });
}

/** Index of the largest of `length` elements from `start` on; the first of equals, undefined where all are NaN. */
export function argmax(data: ArrayLike<number>, start: number, length: number): number | undefined {
  let best: number | undefined;
  for (let i = 0; i < length; i++) {
    const value = data[start + i] as number;
    if (!Number.isNaN(value) && (best === undefined || value > (data[start + best] as number))) best = i;
  }
  return best;
}

/**
 * Place of element `index` among `length` elements from `start` on, the largest at 0; of equals the first comes first, so
 * that place 0 is `argmax`. Infinity for NaN, and for an index outside.
 */
export function rankIn(data: ArrayLike<number>, start: number, length: number, index: number): number {
  const own = index >= 0 && index < length ? (data[start + index] as number) : Number.NaN;
  if (Number.isNaN(own)) return Number.POSITIVE_INFINITY;
  let rank = 0;
  for (let i = 0; i < length; i++) {
    const value = data[start + i] as number;
    if (value > own || (value === own && i < index)) rank++;
  }
  return rank;
}
