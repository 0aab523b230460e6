import { countBits } from './bit-counter.js';
import type { Part } from './source.js';

/**
 * Bits of a float32 that are dropped to make its bin: sign, exponent and the upper 7 bits of the mantissa remain.
 * At 7 bits a bin is 0.8 % of its value wide, and the least-squares optimum moves by less than that.
 */
const DROPPED_BITS = 16;
export const BINS = 1 << (32 - DROPPED_BITS);
const HALF = BINS / 2;
/** The first bin whose exponent is all ones: infinities and NaNs. */
const NON_FINITE = 0x7f800000 >>> DROPPED_BITS;

/** Whether a bin is one of infinities and NaNs, which stays empty. */
export const isNonFiniteBin = (bin: number): boolean => bin % HALF >= NON_FINITE;

/** The smallest and the largest element of one sample's tensor. */
export interface SampleRange {
  readonly min: number;
  readonly max: number;
}

/** What is kept of elements alone, in no order. */
export interface TensorCounts {
  /** Elements a bin, as those of {@link TensorStatistics}. */
  readonly counts: Float64Array;
  /** Elements that are in no bin. */
  readonly nonFinite: number;
}

/**
 * Ranges of samples that are kept: 0.6 MB of a file for each tensor. Beyond them every two neighbours become one, and again
 * when there are as many once more, so that a range is that of 2, 4, 8, … samples in a row.
 */
export const MOST_RANGES = 2 ** 16;

/**
 * What is kept of one tensor over all samples: a histogram over the float's own bits, the exact range, and the range
 * of each sample in order. It needs no range beforehand, so one pass serves every observer; counts are integers, so
 * the order of samples does not matter and two halves merge to the whole exactly.
 */
export class TensorStatistics {
  /** Elements a bin, bin = the upper 16 bits of the float32. In float64: exact up to 2^53 elements. */
  readonly counts: Float64Array;
  readonly #mins: number[] = [];
  readonly #maxes: number[] = [];
  #perRange = 1;
  /** Samples in the last range. */
  #inLast = 0;
  /** Elements that are NaN or ±Infinity; they are in no bin and in no range. */
  nonFinite: number;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /**
   * @param samples - the ranges of samples in order
   * @param perRange - how many samples each is of
   */
  constructor(
    counts = new Float64Array(BINS),
    samples: readonly SampleRange[] = [],
    nonFinite = 0,
    perRange = 1,
  ) {
    this.counts = counts;
    this.nonFinite = nonFinite;
    for (const { min, max } of samples) this.#keep(min, max);
    this.#perRange *= perRange;
    this.#inLast = this.#perRange;
  }

  /** The range of each sample, in order; with many samples that of some in a row. */
  get samples(): readonly SampleRange[] {
    return this.#mins.map((min, i) => ({ min, max: this.#maxes[i] as number }));
  }

  /** How many samples a range is of: 1, or a power of two where there are more samples than ranges are kept. */
  get samplesPerRange(): number {
    return this.#perRange;
  }

  /** Add the elements of one sample. */
  add(values: Float32Array): void {
    this.addRange(this.count(values));
  }

  /**
   * Count the elements of a sample whose range is added on its own, as where samples are counted in another order than
   * theirs.
   */
  count(values: Float32Array): SampleRange {
    const { min, max, nonFinite } = countBits(values, this.counts);
    this.nonFinite += nonFinite;
    return { min, max };
  }

  /** Add the range of a sample, which is the next in order. */
  addRange({ min, max }: SampleRange): void {
    // −0 and 0 are one value, and only one of them may end up in a file.
    this.#keep(min + 0, max + 0);
  }

  /** Add elements that were counted elsewhere. */
  addCounts({ counts, nonFinite }: TensorCounts): void {
    for (let bin = 0; bin < BINS; bin++)
      this.counts[bin] = (this.counts[bin] as number) + (counts[bin] as number);
    this.nonFinite += nonFinite;
  }

  #keep(min: number, max: number): void {
    const mins = this.#mins;
    const maxes = this.#maxes;
    if (this.#perRange > 1 && this.#inLast < this.#perRange) {
      const last = mins.length - 1;
      mins[last] = Math.min(mins[last] as number, min);
      maxes[last] = Math.max(maxes[last] as number, max);
      this.#inLast++;
    } else {
      if (mins.length === MOST_RANGES) this.#halve();
      mins.push(min);
      maxes.push(max);
      this.#inLast = 1;
    }
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  /** Every two ranges become one. */
  #halve(): void {
    const mins = this.#mins;
    const maxes = this.#maxes;
    const half = mins.length / 2;
    for (let i = 0; i < half; i++) {
      mins[i] = Math.min(mins[2 * i] as number, mins[2 * i + 1] as number);
      maxes[i] = Math.max(maxes[2 * i] as number, maxes[2 * i + 1] as number);
    }
    mins.length = half;
    maxes.length = half;
    this.#perRange *= 2;
  }

  /** Smallest finite element of all samples; +Infinity where there is none. */
  get min(): number {
    return this.#min;
  }

  /** Largest finite element of all samples; −Infinity where there is none. */
  get max(): number {
    return this.#max;
  }

  /**
   * Add those of other samples, which follow these. Exact: the same as one pass over all of them.
   *
   * @param other - with a range for each of its samples
   */
  absorb(other: TensorStatistics): void {
    if (other.samplesPerRange > 1) throw new Error('ranges of several samples do not follow others');
    this.addCounts(other);
    for (let i = 0; i < other.#mins.length; i++)
      this.#keep(other.#mins[i] as number, other.#maxes[i] as number);
  }

  /** The same with what lies beyond `low` and `high` moved to them: what is left of the values behind a Clip. */
  within(low: number, high: number): TensorStatistics {
    const counts = this.counts.slice();
    const [lowest, highest] = [binOf(low), binOf(high)];
    for (let bin = 0; bin < BINS; bin++) {
      const count = counts[bin] as number;
      if (count === 0 || isNonFiniteBin(bin)) continue;
      const [inner] = binEdges(bin);
      const end = inner < low && bin !== lowest ? lowest : inner > high && bin !== highest ? highest : bin;
      if (end === bin) continue;
      counts[end] = (counts[end] as number) + count;
      counts[bin] = 0;
    }
    const clip = (x: number) => (Number.isFinite(x) ? Math.min(Math.max(x, low), high) : x);
    const samples = this.samples.map(({ min, max }) => ({ min: clip(min), max: clip(max) }));
    return new TensorStatistics(counts, samples, this.nonFinite, this.samplesPerRange);
  }

  /** The histogram with its bins in ascending order of value, empty bins left out. */
  distribution(): Distribution {
    const bins: Bin[] = [];
    const { counts, min, max } = this;
    for (let order = 0; order < BINS; order++) {
      const index = order < HALF ? BINS - 1 - order : order - HALF;
      const count = counts[index] as number;
      if (count === 0) continue;
      const [low, high] = binEdges(index);
      const bin = { low: Math.max(low, min), high: Math.min(high, max), count };
      // The outermost elements are known: an outlier alone in its bin stands just there.
      if (count === 1 && bin.high === max) bin.low = max;
      else if (count === 1 && bin.low === min) bin.high = min;
      bins.push(bin);
    }
    return { bins, min, max };
  }
}

/** `count` elements spread evenly over [low, high]. */
export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** How the elements of a tensor are spread: what an observer chooses its quantizer from. */
export interface Distribution {
  /** Ascending, without overlap, none empty. */
  readonly bins: readonly Bin[];
  readonly min: number;
  readonly max: number;
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

function floatOfBits(bits: number): number {
  words[0] = bits;
  return floats[0] as number;
}

/** The bin that a value is counted in. */
function binOf(x: number): number {
  floats[0] = x;
  return (words[0] as number) >>> DROPPED_BITS;
}

/** The smallest and the largest of the values that share a bin. */
function binEdges(index: number): [number, number] {
  const inner = floatOfBits((index << DROPPED_BITS) >>> 0);
  const outer = floatOfBits((((index + 1) << DROPPED_BITS) - 1) >>> 0);
  return index < HALF ? [inner, outer] : [outer, inner];
}

/** What calibration saw: the statistics of every tensor asked for, and of what model, data and preprocessing they are. */
export interface Statistics {
  /** SHA-256 of the folded graph; statistics of another model are refused. */
  readonly modelHash: string;
  /** What a report calls the data: the files' names. */
  readonly data: string;
  readonly preprocess: string;
  /** The execution provider that ran the model. */
  readonly provider: string;
  /** Samples seen. */
  readonly samples: number;
  /** Which of the chosen samples they are. */
  readonly part: Part;
  readonly tensors: ReadonlyMap<string, TensorStatistics>;
}
