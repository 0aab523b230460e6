import { QuantizeError, reasonOf } from '../src/errors.js';

/**
 * Bits of a float32 that are dropped to make its bin: sign, exponent and the upper 7 bits of the mantissa remain.
 * At 7 bits a bin is 0.8 % of its value wide, and the least-squares optimum moves by less than that.
 */
const DROPPED_BITS = 16;
const BINS = 1 << (32 - DROPPED_BITS);
const HALF = BINS / 2;
/** The first bin whose exponent is all ones: infinities and NaNs. */
const NON_FINITE = 0x7f800000 >>> DROPPED_BITS;

/** The smallest and the largest element of one sample's tensor. */
export interface SampleRange {
  readonly min: number;
  readonly max: number;
}

/**
 * What is kept of one tensor over all samples: a histogram over the float's own bits, the exact range, and the range
 * of each sample in order. It needs no range beforehand, so one pass serves every observer; counts are integers, so
 * the order of samples does not matter and two halves merge to the whole exactly.
 */
export class TensorStatistics {
  /** Elements a bin, bin = the upper 16 bits of the float32. In float64: exact up to 2^53 elements. */
  readonly counts: Float64Array;
  readonly samples: SampleRange[];
  /** Elements that are NaN or ±Infinity; they are in no bin and in no range. */
  nonFinite: number;

  constructor(counts = new Float64Array(BINS), samples: SampleRange[] = [], nonFinite = 0) {
    this.counts = counts;
    this.samples = samples;
    this.nonFinite = nonFinite;
  }

  /** Count the elements of one sample. */
  add(values: Float32Array): void {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const { counts } = this;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < bits.length; i++) {
      const value = values[i] as number;
      // A NaN fails every comparison, so that it moves neither end; infinities are sorted out below.
      if (value < min) min = value;
      if (value > max) max = value;
      (counts[(bits[i] as number) >>> DROPPED_BITS] as number)++;
    }
    const strays = this.#removeNonFinite();
    if (strays > 0) {
      [min, max] = finiteRange(values);
      this.nonFinite += strays;
    }
    // −0 and 0 are one value, and only one of them may end up in a file.
    this.samples.push({ min: min + 0, max: max + 0 });
  }

  /** Empty the bins whose exponent is all ones, and return what was in them. */
  #removeNonFinite(): number {
    let strays = 0;
    for (const start of [NON_FINITE, NON_FINITE + HALF]) {
      for (let bin = start; bin < start + (HALF - NON_FINITE); bin++) {
        strays += this.counts[bin] as number;
        this.counts[bin] = 0;
      }
    }
    return strays;
  }

  /** Smallest finite element of all samples; +Infinity where there is none. */
  get min(): number {
    return this.samples.reduce((min, sample) => Math.min(min, sample.min), Number.POSITIVE_INFINITY);
  }

  /** Largest finite element of all samples; −Infinity where there is none. */
  get max(): number {
    return this.samples.reduce((max, sample) => Math.max(max, sample.max), Number.NEGATIVE_INFINITY);
  }

  /** The statistics of both sets of samples, `other`'s after these. Exact: the same as one pass over all of them. */
  merge(other: TensorStatistics): TensorStatistics {
    const counts = this.counts.map((count, bin) => count + (other.counts[bin] as number));
    return new TensorStatistics(
      counts,
      [...this.samples, ...other.samples],
      this.nonFinite + other.nonFinite,
    );
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

function finiteRange(values: Float32Array): [number, number] {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

function floatOfBits(bits: number): number {
  words[0] = bits;
  return floats[0] as number;
}

/** The smallest and the largest of the values that share a bin. */
function binEdges(index: number): [number, number] {
  const inner = floatOfBits((index << DROPPED_BITS) >>> 0);
  const outer = floatOfBits((((index + 1) << DROPPED_BITS) - 1) >>> 0);
  return index < HALF ? [inner, outer] : [outer, inner];
}

/** Version of the statistics file. */
const STATISTICS_VERSION = 1;

/** What calibration saw: the statistics of every tensor asked for, and of what model, data and preprocessing they are. */
export interface Statistics {
  /** SHA-256 of the folded graph; statistics of another model are refused. */
  readonly modelHash: string;
  readonly data: string;
  readonly preprocess: string;
  readonly samples: number;
  readonly tensors: ReadonlyMap<string, TensorStatistics>;
}

interface TensorRecord {
  /** Bin, count, bin, count, …: empty bins are left out. */
  readonly bins: readonly number[];
  readonly ranges: readonly (readonly [number, number])[];
  readonly nonFinite: number;
}

interface StatisticsRecord {
  readonly schemaVersion: number;
  readonly modelHash: string;
  readonly data: string;
  readonly preprocess: string;
  readonly samples: number;
  readonly tensors: Readonly<Record<string, TensorRecord>>;
}

/** The statistics as the text of a statistics file, version 1. */
export function serializeStatistics(statistics: Statistics): string {
  const tensors = [...statistics.tensors].map(([name, { counts, samples, nonFinite }]) => {
    const bins: number[] = [];
    counts.forEach((count, bin) => {
      if (count > 0) bins.push(bin, count);
    });
    const ranges = samples.map(({ min, max }) => [min, max] as const);
    return [name, { bins, ranges, nonFinite }] as const;
  });
  const { modelHash, data, preprocess, samples } = statistics;
  const record: StatisticsRecord = {
    schemaVersion: STATISTICS_VERSION,
    modelHash,
    data,
    preprocess,
    samples,
    // Not by assignment: a tensor may be named __proto__.
    tensors: Object.fromEntries(tensors),
  };
  return `${JSON.stringify(record)}\n`;
}

/**
 * The statistics in the text of a statistics file.
 *
 * @param expectedHash - hash of the folded graph that they must belong to
 * @throws QuantizeError for another version, another model, or a text that is no statistics file
 */
export function parseStatistics(path: string, text: string, expectedHash: string): Statistics {
  const bad = (reason: string) =>
    new QuantizeError('statistics-format', { path, version: STATISTICS_VERSION, reason });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw bad(reasonOf(thrown));
  }
  if (!isRecord(parsed)) throw bad('it holds no object');
  const { schemaVersion, modelHash, data, preprocess, samples, tensors } =
    parsed as Partial<StatisticsRecord>;
  if (schemaVersion !== STATISTICS_VERSION) throw bad(`its version is ${schemaVersion}`);
  if (![modelHash, data, preprocess].every((field) => typeof field === 'string') || !isCount(samples))
    throw bad('it does not say what it is of');
  if (modelHash !== expectedHash) {
    throw new QuantizeError('statistics-model', { found: String(modelHash), expected: expectedHash });
  }
  if (!isRecord(tensors)) throw bad('it has no tensors');
  const read = Object.entries(tensors).map(([name, record]) => {
    const tensor = tensorStatisticsOf(record);
    if (!tensor) throw bad(`its entry for tensor "${name}" is damaged`);
    return [name, tensor] as const;
  });
  return { modelHash, data, preprocess, samples, tensors: new Map(read) } as Statistics;
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The statistics that an entry of a file stands for; undefined where it cannot have been written by us. */
function tensorStatisticsOf(record: unknown): TensorStatistics | undefined {
  if (!isRecord(record)) return undefined;
  const { bins, ranges, nonFinite } = record as Partial<TensorRecord>;
  if (!Array.isArray(bins) || bins.length % 2 !== 0 || !Array.isArray(ranges) || !isCount(nonFinite))
    return undefined;
  const counts = new Float64Array(BINS);
  for (let i = 0; i < bins.length; i += 2) {
    const [bin, count] = [bins[i], bins[i + 1]] as unknown[];
    if (!isCount(bin) || bin % HALF >= NON_FINITE || bin >= BINS || !isCount(count)) return undefined;
    counts[bin] = count;
  }
  const samples: SampleRange[] = [];
  for (const range of ranges as unknown[]) {
    if (!Array.isArray(range) || range.length !== 2) return undefined;
    const [min, max] = range as unknown[];
    // A sample without finite elements has no range; JSON writes its infinities as null.
    if (min === null && max === null)
      samples.push({ min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY });
    else if (Number.isFinite(min) && Number.isFinite(max) && (min as number) <= (max as number))
      samples.push({ min: min as number, max: max as number });
    else return undefined;
  }
  return new TensorStatistics(counts, samples, nonFinite);
}
