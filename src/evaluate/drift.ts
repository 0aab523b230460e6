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

/** Places of what is summed up of the elements: float², quantized², float · quantized, and the errors. */
const [SIGNAL, OTHER, PRODUCT, NOISE, LARGEST] = [0, 1, 2, 3, 4] as const;

/** Elements that are taken as finite until their sums are not. */
const BLOCK = 4096;

/** Sums up the drift of one value, sample by sample, in float64. */
export class DriftMeter {
  readonly #sums = new Float64Array(5);
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
    const odd = a.length - equal;
    accumulate(this.#sums, [a.length, a.length, equal, 2 * odd, Math.sign(odd)]);
    if (a.length !== samples) return;
    this.#classified += samples;
    this.#agreed += equal;
  }

  #addElements(a: ArrayLike<number>, b: ArrayLike<number>): void {
    for (let from = 0; from < a.length; from += BLOCK) {
      const to = Math.min(a.length, from + BLOCK);
      if (addFinite(this.#sums, a, b, from, to)) this.#compared += to - from;
      else this.#addWithCare(a, b, from, to);
    }
  }

  #addWithCare(a: ArrayLike<number>, b: ArrayLike<number>, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      // The difference of what is not finite is not finite either; that of two finite ones may be.
      if (!Number.isFinite(x - y) && (!Number.isFinite(x) || !Number.isFinite(y))) {
        if (!Object.is(x, y)) this.#mismatches++;
        else this.#alike++;
        continue;
      }
      this.#compared++;
      accumulate(this.#sums, [x * x, y * y, x * y, (x - y) ** 2, Math.abs(x - y)]);
    }
  }

  get drift(): Drift {
    const [signal = 0, other = 0, product = 0, noise = 0, maxAbsError = 0] = this.#sums;
    const norms = Math.sqrt(signal * other);
    const groups = this.#channels?.groups ?? [];
    return {
      sqnrDb: sqnrOf(signal, noise),
      cosine: norms === 0 ? null : product / norms,
      relativeL2: signal === 0 ? null : Math.sqrt(noise / signal),
      maxAbsError,
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

/**
 * Add elements to the sums, where those stay finite; else leave them as they are. A loop without a condition on what it sums: with one,
 * V8 puts each sum into a new object for every element, which takes seven times as long.
 *
 * @returns whether they were added
 */
function addFinite(
  sums: Float64Array,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  from: number,
  to: number,
): boolean {
  let signal = sums[SIGNAL] as number;
  let other = sums[OTHER] as number;
  let product = sums[PRODUCT] as number;
  let noise = sums[NOISE] as number;
  let largest = sums[LARGEST] as number;
  for (let i = from; i < to; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    const error = x - y;
    signal += x * x;
    other += y * y;
    product += x * y;
    noise += error * error;
    const size = Math.abs(error);
    if (size > largest) largest = size;
  }
  if (!Number.isFinite(signal + other)) return false;
  sums[SIGNAL] = signal;
  sums[OTHER] = other;
  sums[PRODUCT] = product;
  sums[NOISE] = noise;
  sums[LARGEST] = largest;
  return true;
}

/** Add to the sums, of the errors keep the largest. */
function accumulate(sums: Float64Array, added: readonly number[]): void {
  for (let at = 0; at < LARGEST; at++) sums[at] = (sums[at] as number) + (added[at] as number);
  sums[LARGEST] = Math.max(sums[LARGEST] as number, added[LARGEST] as number);
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
