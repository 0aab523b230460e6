import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import { halfToNumber } from '../../src/numerics/half.js';
import {
  type ArrayData,
  type ArrayType,
  elementCount,
  type Feed,
  type NdArray,
} from '../../src/numerics/nd-array.js';
import { converterOf } from '../array-set.js';
import { asWhole, batchAxisOf, sampleShapeOf } from '../batch-axis.js';
import type { Preprocess } from '../preprocess.js';
import type { SampleSet } from '../sample-set.js';
import type { InputSpec } from '../source.js';
import type { Reader, ReadRequest } from './reader.js';

/** Up to this size all samples of a module are kept, and its code runs once. */
const KEPT_BYTES = 2 ** 26;

/** No set of samples for calibration or evaluation is this long: what goes on is taken for endless. */
const MAX_SAMPLES = 1_000_000;

/**
 * A JavaScript module of the user's: its default export is an iterable or async iterable of samples, or a function that
 * returns one. A sample is a record of arrays by input name, each `{ data, dims }` or a typed array in the model's own
 * shape; for a model of one input it may be that array itself.
 *
 * The samples are counted once, when the module is opened. Up to 64 MiB of them are kept. More are made again by
 * another call of the function, or by another iteration; what can be iterated only once is refused then.
 */
export const moduleReader: Reader = {
  name: 'a JavaScript module',
  summary: '.mjs, .js or .cjs: its default export is an iterable of samples, or a function that returns one',
  accepts: ({ extension }) => ['.mjs', '.js', '.cjs'].includes(extension),
  async read(request: ReadRequest): Promise<SampleSet> {
    const { path, preprocess, limit = MAX_SAMPLES } = request;
    const stream = await streamOf(path);
    const read = (value: unknown, index: number) => sampleOf(value, index, request);
    const { feeds, length, whole } = await count(path, stream, read, limit);
    if (length === 0) throw new QuantizeError('data-empty', { path });
    return {
      label: basename(path),
      length,
      preprocess: preprocess?.label ?? 'as the module gives them',
      whole,
      sample: feeds ? async (index) => feeds[index] as Feed : cursor(path, stream, read),
    };
  },
};

type Values = Iterable<unknown> | AsyncIterable<unknown>;

/** Begins at the first sample each time. */
type Stream = () => AsyncGenerator<unknown>;

async function streamOf(path: string): Promise<Stream> {
  let exported: unknown;
  try {
    ({ default: exported } = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown });
  } catch (thrown) {
    throw failed(path, thrown);
  }
  return async function* () {
    try {
      const values: unknown = typeof exported === 'function' ? await exported() : exported;
      if (!isIterable(values)) {
        const reason = 'its default export is no iterable of samples, and no function that returns one';
        const mend = 'Write `export default async function* () { yield { input: { data, dims } }; }`.';
        throw new QuantizeError('data-format', { path, reason, mend });
      }
      const iterator = iteratorOf(values);
      if (spent.has(iterator)) throw new QuantizeError('module-once', { path });
      spent.add(iterator);
      for await (const value of { [Symbol.asyncIterator]: () => iterator }) yield await value;
    } catch (thrown) {
      throw thrown instanceof QuantizeError ? thrown : failed(path, thrown);
    }
  };
}

/** Iterators that were begun: a generator gives itself when it is asked to begin again, and has nothing more. */
const spent = new WeakSet<object>();

const failed = (path: string, thrown: unknown) =>
  new QuantizeError('module-failed', { path, reason: reasonOf(thrown) }, { cause: thrown });

const isIterable = (values: unknown): values is Values =>
  typeof values === 'object' &&
  values !== null &&
  !ArrayBuffer.isView(values) &&
  (Symbol.iterator in values || Symbol.asyncIterator in values);

/** A loop awaits what a plain iterator gives, too. */
const iteratorOf = (values: Values): AsyncIterator<unknown> =>
  Symbol.asyncIterator in values
    ? values[Symbol.asyncIterator]()
    : (values[Symbol.iterator]() as Iterator<unknown> as unknown as AsyncIterator<unknown>);

/** One sample, and the inputs of it that have no batch axis. */
interface ReadSample {
  readonly feed: Feed;
  readonly whole: ReadonlySet<string>;
}

type ReadValue = (value: unknown, index: number) => ReadSample;

/** The samples as long as they are small, and their number in any case. */
async function count(
  path: string,
  stream: Stream,
  read: ReadValue,
  limit: number,
): Promise<{ feeds: Feed[] | undefined; length: number; whole: ReadonlySet<string> }> {
  let feeds: Feed[] | undefined = [];
  let keptBytes = 0;
  let length = 0;
  let whole: ReadonlySet<string> = new Set();
  for await (const value of stream()) {
    const { feed, whole: own } = read(value, length);
    whole = own;
    length++;
    for (const { data } of Object.values(feed)) keptBytes += data.byteLength;
    if (keptBytes > KEPT_BYTES) feeds = undefined;
    feeds?.push(feed);
    if (length === limit) break;
  }
  if (length < MAX_SAMPLES) return { feeds, length, whole };
  const reason = `it gives ${MAX_SAMPLES} samples and goes on`;
  throw new QuantizeError('data-format', {
    path,
    reason,
    mend: 'Say how many with --samples, or let it end.',
  });
}

/** Samples in ascending order, by one iteration; a number before the last one begins another. */
function cursor(path: string, stream: Stream, read: ReadValue): (index: number) => Promise<Feed> {
  let values: AsyncGenerator<unknown> | undefined;
  let next = 0;
  let last: { index: number; feed: Feed } | undefined;
  const advance = async (index: number): Promise<Feed> => {
    if (last?.index === index) return last.feed;
    if (!values || index < next) {
      values = stream();
      next = 0;
    }
    for (;;) {
      const { done, value } = await values.next();
      if (done) {
        const reason = `it gave sample ${index} the first time, and ends before it now`;
        throw new QuantizeError('data-format', {
          path,
          reason,
          mend: 'Let each iteration give the same samples.',
        });
      }
      if (next++ < index) continue;
      last = { index, feed: read(value, index).feed };
      return last.feed;
    }
  };
  // One at a time: an iteration has one position.
  let turn: Promise<unknown> = Promise.resolve();
  return (index) => {
    const result = turn.then(() => advance(index));
    turn = result.catch(() => {});
    return result;
  };
}

function sampleOf(value: unknown, index: number, { path, inputs, preprocess }: ReadRequest): ReadSample {
  const label = `${path}: sample ${index}`;
  const [only] = inputs;
  const isBare = inputs.length === 1 && only !== undefined && isArrayLike(value);
  const record = (isBare ? { [only.name]: value } : (value ?? {})) as Record<string, unknown>;
  const whole = new Set<string>();
  const feed: Record<string, NdArray> = {};
  for (const input of inputs) {
    const part = record[input.name];
    if (!isArrayLike(part)) {
      const found = typeof record === 'object' ? Object.keys(record).join(', ') : String(value);
      throw new QuantizeError('module-sample', { path: label, input: input.name, found: found || 'nothing' });
    }
    const array = arrayOf(label, part, input);
    // With a batch axis of one or without it: a sample is the same.
    const axis = batchAxisOf(input);
    const isFull = array.dims.length === input.shape?.length;
    const hasBatch = isFull && axis !== undefined && array.dims[axis] === 1;
    const isWhole = axis === undefined || (isFull && !hasBatch);
    if (isWhole) whole.add(input.name);
    const dims = hasBatch ? array.dims.filter((_, at) => at !== axis) : array.dims;
    feed[input.name] = fitting(label, { ...array, dims }, input, {
      preprocess,
      isWhole,
    });
  }
  return { feed, whole };
}

function fitting(
  label: string,
  array: NdArray,
  input: InputSpec,
  { preprocess, isWhole }: { preprocess: Preprocess | undefined; isWhole: boolean },
): NdArray {
  const spec = isWhole ? asWhole(input) : input;
  return converterOf(label, array.type, array.dims, spec, preprocess)(array);
}

type Part =
  | ArrayData
  | { readonly data: ArrayData; readonly dims?: readonly number[]; readonly type?: string };

function isArrayLike(value: unknown): value is Part {
  if (typeof value !== 'object' || value === null) return false;
  return isData(value) || isData((value as { data?: unknown }).data);
}

const isData = (value: unknown): value is ArrayData =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);

const typesByArray: readonly (readonly [new (length: number) => ArrayData, ArrayType])[] = [
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
  [Int16Array, 'int16'],
  [Uint16Array, 'uint16'],
  [Int32Array, 'int32'],
  [Uint32Array, 'uint32'],
  [BigInt64Array, 'int64'],
  [BigUint64Array, 'uint64'],
];

function arrayOf(path: string, part: Part, input: InputSpec): NdArray {
  const { data, dims, type }: { data: ArrayData; dims?: readonly number[]; type?: string } = isData(part)
    ? { data: part }
    : part;
  const found = typesByArray.find(([array]) => data instanceof array)?.[1];
  const shape = dims?.map(Number) ?? shapeOf(input, data.length);
  if (!found || elementCount(shape) !== data.length) {
    const reason = found
      ? `input "${input.name}" has ${data.length} elements, where its shape [${shape.join(', ')}] needs ${elementCount(shape)}`
      : `input "${input.name}" is a ${data.constructor.name}, which no tensor is made of`;
    throw new QuantizeError('data-format', {
      path,
      reason,
      mend: 'Give { data, dims }, the data as a typed array.',
    });
  }
  // Bytes serve as booleans; the bits of float16 come as Uint16Array, in the runtime's own tensors too.
  const isBool = found === 'uint8' && (type === 'bool' || input.type === 'bool');
  if (isBool) return { type: 'bool', dims: shape, data };
  if (found === 'uint16' && (type === 'float16' || input.type === 'float16')) {
    return { type: 'float32', dims: shape, data: Float32Array.from(data as Uint16Array, halfToNumber) };
  }
  return { type: found, dims: shape, data };
}

/** The model's own shape with one open axis filled by what there is; a flat list where that is not to be known. */
function shapeOf(input: InputSpec, length: number): number[] {
  const sample = sampleShapeOf(input);
  if (!sample) return [length];
  const open = sample.filter((dim) => typeof dim !== 'number').length;
  const known = elementCount(sample.filter((dim) => typeof dim === 'number'));
  if (open > 1) return [length];
  return sample.map((dim) => (typeof dim === 'number' ? dim : length / known));
}
