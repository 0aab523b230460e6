import type { NdArray } from '../numerics/nd-array.js';

/** How far two tensors are apart, over all samples. */
export interface Drift {
  /** 10·log10(Σ float² / Σ (float − quantized)²); null where they do not differ at all. */
  readonly sqnrDb: number | null;
  /** Cosine of the angle between the two, over all elements of all samples; null where one is all zero. */
  readonly cosine: number | null;
  readonly maxAbsError: number;
  /** Share of the samples whose largest element is the same one; null unless the output is [N, classes]. */
  readonly topOneAgreement: number | null;
  /** Elements that are finite in one of the two only. */
  readonly nonFiniteMismatches: number;
  readonly samples: number;
}

/** Sums up the drift of one value, sample by sample, in float64. */
export class DriftMeter {
  #signal = 0;
  #other = 0;
  #product = 0;
  #noise = 0;
  #maxAbsError = 0;
  #mismatches = 0;
  #samples = 0;
  #classified = 0;
  #agreed = 0;

  /** @param samples - rows of the batch that count, where axis 0 is the batch */
  add(reference: NdArray, quantized: NdArray, samples: number): void {
    const a = rowsOf(reference, samples);
    const b = rowsOf(quantized, samples);
    for (let i = 0; i < a.length; i++) this.#addElement(Number(a[i]), Number(b[i]));
    this.#samples += samples;
    const classes = reference.dims[1] ?? 0;
    if (!isClassScores(reference)) return;
    for (let row = 0; row < samples; row++) {
      this.#classified++;
      if (argmax(a, row * classes, classes) === argmax(b, row * classes, classes)) this.#agreed++;
    }
  }

  #addElement(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (!Object.is(x, y)) this.#mismatches++;
      return;
    }
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
      maxAbsError: this.#maxAbsError,
      topOneAgreement: this.#classified === 0 ? null : this.#agreed / this.#classified,
      nonFiniteMismatches: this.#mismatches,
      samples: this.#samples,
    };
  }
}

/** Whether a value is one row of class scores a sample: [N, classes], of floats. */
export function isClassScores({ type, dims }: NdArray): boolean {
  return type.startsWith('float') && dims.length === 2 && (dims[1] ?? 0) > 1;
}

/** The elements of the rows that count: all of them, unless the batch was filled up. */
export function rowsOf({ data, dims }: NdArray, samples: number): ArrayLike<number | bigint> {
  const [rows = 1] = dims;
  return rows <= samples || dims.length === 0 ? data : data.subarray(0, (data.length / rows) * samples);
}

/** Index of the largest of `length` elements from `start` on; the first of equals. */
export function argmax(data: ArrayLike<number | bigint>, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (Number(data[start + i]) > Number(data[start + best])) best = i;
  return best;
}
