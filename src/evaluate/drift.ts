import type { BatchRows } from '../../calibration/source.js';
import { elementCount, type NdArray, numbersOf } from '../numerics/nd-array.js';
import { type ChannelGroup, ChannelMeter } from './channel-groups.js';
import type { ClassAxis } from './class-axes.js';
import { sqnrOf } from './sqnr.js';

/** How far two tensors are apart, over all samples. */
export interface Drift {
  /** 10·log10(Σ float² / Σ (float − quantized)²); null where they do not differ at all. */
  readonly sqnrDb: number | null;
  /** Cosine of the angle between the two, over all elements of all samples; null where one is all zero. */
  readonly cosine: number | null;
  /** ‖float − quantized‖ / ‖float‖, over all elements of all samples; null where float is all zero. */
  readonly relativeL2: number | null;
  readonly maxAbsError: number;
  /**
   * Share of the samples, or of their places, whose largest score of a class, or only text, is the same one; null where a
   * value holds no scores of classes.
   */
  readonly topOneAgreement: number | null;
  /** Share of the samples whose largest element in float is among the quantized's five; null below six classes. */
  readonly topFiveAgreement: number | null;
  /** Elements that are finite in one of the two only; all of them where none is finite in either. */
  readonly nonFiniteMismatches: number;
  /** Samples on which the two have different shapes, as where a length depends on the data; they are not compared. */
  readonly shapeMismatches: number;
  readonly samples: number;
  /** Of an output that joins values of very different size: its channels by their size, the worst group first. */
  readonly groups?: readonly ChannelGroup[];
}

/** What a meter looks for in a value. */
export interface DriftTarget {
  /** Where it has scores of classes; undefined where they are none. */
  readonly classAxis: ClassAxis | undefined;
  /** Whether channels are judged apart where they are of very different size. */
  readonly isGrouped: boolean;
}

/** An output as it is judged where nothing is asked of classes: by its worst group of channels. */
export const judgedOutput: DriftTarget = { classAxis: undefined, isGrouped: true };

/** An inner value: neither. */
const innerValue: DriftTarget = { classAxis: undefined, isGrouped: false };

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
  readonly #target: DriftTarget;
  readonly #channels: ChannelMeter | undefined;

  constructor(target: DriftTarget = innerValue) {
    this.#target = target;
    this.#channels = target.isGrouped ? new ChannelMeter() : undefined;
  }

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
    this.#addElements(a, b);
    if (!reference.type.startsWith('float')) return;
    const axis = this.#classAxisOf(reference.dims);
    this.#channels?.add(reference, axis, a, b);
    if (axis !== undefined) this.#addClasses(reference, axis, a, b);
  }

  #classAxisOf({ length }: readonly number[]): number | undefined {
    const { classAxis } = this.#target;
    if (classAxis === 'rows') return length === 2 ? 1 : undefined;
    const axis = classAxis !== undefined && classAxis < 0 ? classAxis + length : classAxis;
    return axis !== undefined && axis >= 1 && axis < length ? axis : undefined;
  }

  /** Each place of the other axes ranks the classes once. */
  #addClasses({ dims }: NdArray, axis: number, a: ArrayLike<number>, b: ArrayLike<number>): void {
    const classes = dims[axis] ?? 0;
    if (classes < 2) return;
    const inner = elementCount(dims.slice(axis + 1));
    const [x, y] = [new Float64Array(classes), new Float64Array(classes)];
    for (let outer = 0; outer < a.length; outer += classes * inner)
      for (let place = 0; place < inner; place++) {
        for (let c = 0; c < classes; c++) {
          x[c] = a[outer + c * inner + place] as number;
          y[c] = b[outer + c * inner + place] as number;
        }
        this.#rank(x, y, classes);
      }
  }

  #rank(x: Float64Array, y: Float64Array, classes: number): void {
    this.#classified++;
    if (classes > TOP) this.#rankedFive++;
    const best = argmax(x, 0, classes);
    if (best === undefined) return;
    const rank = rankIn(y, 0, classes, best);
    if (rank === 0) this.#agreed++;
    if (classes > TOP && rank < TOP) this.#agreedFive++;
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

  /** Sums in locals: fields would be loaded and stored for each element. */
  #addElements(a: ArrayLike<number>, b: ArrayLike<number>): void {
    let [signal, other, product, noise] = [this.#signal, this.#other, this.#product, this.#noise];
    let largest = this.#maxAbsError;
    let compared = 0;
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      const error = x - y;
      // The difference of what is not finite is not finite either; that of two finite ones may be.
      if (!Number.isFinite(error) && (!Number.isFinite(x) || !Number.isFinite(y))) {
        if (!Object.is(x, y)) this.#mismatches++;
        else this.#alike++;
        continue;
      }
      compared++;
      signal += x * x;
      other += y * y;
      product += x * y;
      noise += error * error;
      const size = Math.abs(error);
      if (size > largest) largest = size;
    }
    [this.#signal, this.#other, this.#product, this.#noise] = [signal, other, product, noise];
    this.#maxAbsError = largest;
    this.#compared += compared;
  }

  get drift(): Drift {
    const norms = Math.sqrt(this.#signal * this.#other);
    const groups = this.#channels?.groups ?? [];
    return {
      sqnrDb: sqnrOf(this.#signal, this.#noise),
      cosine: norms === 0 ? null : this.#product / norms,
      relativeL2: this.#signal === 0 ? null : Math.sqrt(this.#noise / this.#signal),
      maxAbsError: this.#maxAbsError,
      topOneAgreement: shareOf(this.#agreed, this.#classified),
      topFiveAgreement: shareOf(this.#agreedFive, this.#rankedFive),
      // Two models that both give nothing do not agree on anything.
      nonFiniteMismatches: this.#mismatches + (this.#compared === 0 ? this.#alike : 0),
      shapeMismatches: this.#shapeMismatches,
      samples: this.#samples,
      ...(groups.length > 0 && { groups }),
    };
  }
}

/** The SQNR that a drift is judged by: that of its worst group of channels; null where nothing differs. */
export function worstDb({ sqnrDb, groups = [] }: Pick<Drift, 'sqnrDb' | 'groups'>): number | null {
  const all = [sqnrDb, ...groups.map((group) => group.sqnrDb)].filter((db) => db !== null);
  return all.length === 0 ? null : Math.min(...all);
}

/** Whether no element of a value is finite in both models. */
export const isNowhereFinite = ({ sqnrDb, cosine, nonFiniteMismatches }: Drift): boolean =>
  sqnrDb === null && cosine === null && nonFiniteMismatches > 0;

const shareOf = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

export const sameDims = (a: NdArray, b: NdArray): boolean =>
  a.dims.length === b.dims.length && a.dims.every((dim, axis) => dim === b.dims[axis]);

/** Whether a value is one row of floats a sample, as class scores and embeddings are: [N, classes]. */
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
