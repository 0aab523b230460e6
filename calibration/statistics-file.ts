import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { deflateSync } from 'fflate';
import { QuantizeError, reasonOf } from '../src/errors.js';
import { readWhole } from '../src/files/open.js';
import { isRecord } from '../src/validate/is-record.js';
import type { Part } from './source.js';
import { BINS, isNonFiniteBin, type SampleRange, type Statistics, TensorStatistics } from './statistics.js';

/** Version of the statistics file. */
const STATISTICS_VERSION = 2;

/** That of one in which a range is of several samples. */
const BLOCKS_VERSION = 3;

/** One tensor in a file. Both texts are Base64 of raw DEFLATE. */
interface TensorRecord {
  readonly name: string;
  /**
   * The bins that are not empty, ascending: how many bins it is on from the one before (the first from −1), for all of
   * them, and then the count of each. Whole numbers in 7 bits a byte, the lowest first, the top bit set where more
   * follow (LEB128).
   */
  readonly bins: string;
  /** The smallest element of each sample in order, and then the largest of each: float32, little-endian. */
  readonly ranges: string;
  readonly nonFinite: number;
  /** How many samples a range is of, where it is of several: a power of two. */
  readonly samplesPerRange?: number;
}

interface StatisticsRecord {
  readonly schemaVersion: number;
  readonly modelHash: string;
  readonly data: string;
  readonly preprocess: string;
  readonly provider: string;
  readonly samples: number;
  readonly part: Part;
  readonly tensors: readonly TensorRecord[];
}

/** What a file says of itself, and its tensors for when they are wanted: they take most of the memory. */
export interface StatisticsFile {
  readonly path: string;
  readonly header: Omit<Statistics, 'tensors'>;
  /** SHA-256 of its content. */
  readonly checksum: string;
  /** Whether each range is of one sample. */
  readonly isEachRange: boolean;
  /** Names of the tensors, in the order of the file. */
  readonly names: readonly string[];
  /** @throws QuantizeError `statistics-format` for a tensor that cannot have been written by us */
  readStatistics(): Statistics;
}

/** The statistics as the text of a statistics file, version 2, or 3 where ranges are of several samples. The same statistics give the same bytes everywhere. */
export function serializeStatistics(statistics: Statistics): string {
  const { modelHash, data, preprocess, provider, samples, part } = statistics;
  const { shard, first, total, choice } = part;
  const isEach = [...statistics.tensors.values()].every(({ samplesPerRange }) => samplesPerRange === 1);
  const record: StatisticsRecord = {
    schemaVersion: isEach ? STATISTICS_VERSION : BLOCKS_VERSION,
    modelHash,
    data,
    preprocess,
    provider,
    samples,
    part: { shard: { index: shard.index, count: shard.count }, first, total, choice },
    tensors: [...statistics.tensors].map(([name, tensor]) => recordOf(name, tensor)),
  };
  return `${JSON.stringify({ ...record, checksum: checksumOf(record) })}\n`;
}

/**
 * Read a statistics file.
 *
 * @throws QuantizeError for a file that cannot be read, another version, or what is no whole statistics file
 */
export async function readStatisticsFile(path: string): Promise<StatisticsFile> {
  return parseStatistics(path, new TextDecoder().decode(await readWhole(path)));
}

/**
 * The content of a statistics file.
 *
 * @throws QuantizeError `statistics-format` for another version, a damaged text, or one that is no statistics file
 */
export function parseStatistics(path: string, text: string): StatisticsFile {
  const bad = (reason: string) =>
    new QuantizeError('statistics-format', { path, version: STATISTICS_VERSION, reason });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    throw bad(reasonOf(thrown));
  }
  if (!isRecord(parsed)) throw bad('it holds no object');
  const { checksum, ...rest } = parsed as Partial<StatisticsRecord> & { checksum?: unknown };
  if (rest.schemaVersion === undefined) throw bad('it has no version');
  if (rest.schemaVersion !== STATISTICS_VERSION && rest.schemaVersion !== BLOCKS_VERSION)
    throw bad(`its version is ${rest.schemaVersion}`);
  if (checksum !== checksumOf(rest)) throw bad('it is damaged, its checksum does not fit');
  const { modelHash, data, preprocess, provider, samples, part, tensors } = rest;
  if (![modelHash, data, preprocess, provider].every((field) => typeof field === 'string'))
    throw bad('it does not say what it is of');
  if (!isPart(part) || !isCount(samples) || samples > part.total - part.first)
    throw bad('it does not say which samples it is of');
  if (!Array.isArray(tensors) || !tensors.every(isTensorRecord)) throw bad('its tensors are damaged');
  const names = tensors.map(({ name }) => name);
  if (new Set(names).size < names.length) throw bad('it has a tensor twice');
  const header = { modelHash, data, preprocess, provider, samples, part } as StatisticsFile['header'];
  return {
    path,
    header,
    checksum,
    isEachRange: tensors.every(({ samplesPerRange = 1 }) => samplesPerRange === 1),
    names,
    readStatistics: () => ({
      ...header,
      tensors: new Map(
        tensors.map((record) => {
          const tensor = tensorOf(record, samples);
          if (!tensor) throw bad(`its entry for tensor "${record.name}" is damaged`);
          return [record.name, tensor] as const;
        }),
      ),
    }),
  };
}

/** SHA-256 of the record as it is written, the checksum left out. */
const checksumOf = (record: object): string =>
  createHash('sha256').update(JSON.stringify(record)).digest('hex');

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isPart(value: unknown): value is Part {
  if (!isRecord(value)) return false;
  const { shard, first, total, choice } = value as Partial<Part>;
  if (!isRecord(shard) || !isCount(first) || !isCount(total) || typeof choice !== 'string') return false;
  const { index, count } = shard;
  return isCount(index) && isCount(count) && index >= 1 && index <= count;
}

function isTensorRecord(value: unknown): value is TensorRecord {
  if (!isRecord(value)) return false;
  const { name, bins, ranges, nonFinite, samplesPerRange = 1 } = value as Partial<TensorRecord>;
  if (!(isCount(samplesPerRange) && samplesPerRange >= 1)) return false;
  return [name, bins, ranges].every((field) => typeof field === 'string') && isCount(nonFinite);
}

function recordOf(name: string, tensor: TensorStatistics): TensorRecord {
  const { counts, samples, nonFinite, samplesPerRange } = tensor;
  const filled: number[] = [];
  for (let bin = 0; bin < counts.length; bin++) if (counts[bin] !== 0) filled.push(bin);
  const steps = filled.map((bin, i) => bin - (filled[i - 1] ?? -1));
  const numbers = [...steps, ...filled.map((bin) => counts[bin] as number)];
  const several = samplesPerRange > 1 ? { samplesPerRange } : {};
  const ends = [...samples.map(({ min }) => min), ...samples.map(({ max }) => max)];
  return { name, bins: pack(leb128(numbers)), ranges: pack(floatBytes(ends)), nonFinite, ...several };
}

/** The statistics that an entry of a file stands for; undefined where it cannot have been written by us. */
function tensorOf(
  { bins, ranges, nonFinite, samplesPerRange = 1 }: TensorRecord,
  samples: number,
): TensorStatistics | undefined {
  const numbers = unpack(bins, BINS * 2 * MAX_LEB128_BYTES, fromLeb128);
  const most = Math.ceil(samples / samplesPerRange);
  const ends = unpack(ranges, most * 2 * Float32Array.BYTES_PER_ELEMENT, floatsOf);
  if (!numbers || numbers.length % 2 !== 0 || !ends || ends.length % 2 !== 0) return undefined;
  const counts = new Float64Array(BINS);
  const filled = numbers.length / 2;
  let bin = -1;
  for (let i = 0; i < filled; i++) {
    const [step, count] = [numbers[i] as number, numbers[filled + i] as number];
    bin += step;
    if (step === 0 || bin >= BINS || isNonFiniteBin(bin) || count === 0) return undefined;
    counts[bin] = count;
  }
  const seen: SampleRange[] = [];
  for (let i = 0; i < ends.length / 2; i++) {
    const [min, max] = [ends[i] as number, ends[ends.length / 2 + i] as number];
    // A sample without finite elements has the range of nothing, (∞, −∞).
    const isEmpty = min === Number.POSITIVE_INFINITY && max === Number.NEGATIVE_INFINITY;
    if (!isEmpty && !(Number.isFinite(min) && Number.isFinite(max) && min <= max)) return undefined;
    seen.push({ min, max });
  }
  return new TensorStatistics(counts, seen, nonFinite, samplesPerRange);
}

/** The runtime's own zlib packs differently from one processor to the next; this packer is the same everywhere. */
const pack = (bytes: Uint8Array): string => Buffer.from(deflateSync(bytes, { level: 9 })).toString('base64');

/** What was packed; undefined where it is damaged, or longer than it can be. */
function unpack<T>(text: string, mostBytes: number, decode: (bytes: Uint8Array) => T): T | undefined {
  try {
    const packed = Buffer.from(text, 'base64');
    // One byte more than is allowed, since a limit of 0 means none to zlib.
    const bytes = inflateRawSync(packed, { maxOutputLength: mostBytes + 1 });
    return bytes.length > mostBytes ? undefined : decode(bytes);
  } catch {
    return undefined;
  }
}

/** 7 bits a byte hold a count below 2^53 in 8. */
const MAX_LEB128_BYTES = 8;

/** Counts pass 2^31, so by arithmetic and not by shifts. */
function leb128(numbers: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (const number of numbers) {
    let rest = number;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

/** @throws Error where the last number is cut, or one is above 2^53 − 1 */
function fromLeb128(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let number = 0;
  let unit = 1;
  for (const byte of bytes) {
    number += (byte % 0x80) * unit;
    unit *= 0x80;
    if (byte >= 0x80) continue;
    if (!Number.isSafeInteger(number)) throw new Error('a number is too large');
    numbers.push(number);
    [number, unit] = [0, 1];
  }
  if (unit !== 1) throw new Error('the last number is cut');
  return numbers;
}

function floatBytes(values: readonly number[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.length * Float32Array.BYTES_PER_ELEMENT));
  values.forEach((value, i) => {
    bytes.setFloat32(i * Float32Array.BYTES_PER_ELEMENT, value, true);
  });
  return new Uint8Array(bytes.buffer);
}

function floatsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = Float32Array.BYTES_PER_ELEMENT;
  if (bytes.length % size !== 0) throw new Error('the last number is cut');
  return Array.from({ length: bytes.length / size }, (_, i) => view.getFloat32(i * size, true));
}
