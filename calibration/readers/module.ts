import { basename } from 'node:path';
import { QuantizeError, reasonOf } from '../../src/errors.js';
import type { PlainNext, PlainPart, PlainSample, Request } from '../../src/modules/protocol.js';
import { ModuleFailure, UserModule } from '../../src/modules/user-module.js';
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
    const names = request.inputs.map(({ name }) => name);
    const { stream, rest } = await streamOf(path, names);
    const read = (value: PlainSample, index: number) => sampleOf(value, index, request);
    const { feeds, length, whole } = await count(path, stream, read, limit);
    await rest();
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

/** Begins at the first sample each time. */
type Stream = () => AsyncGenerator<PlainSample>;

async function streamOf(
  path: string,
  names: readonly string[],
): Promise<{ stream: Stream; rest: () => Promise<unknown> }> {
  const failure = (thrown: unknown) => errorOf(path, thrown);
  const module = await UserModule.load(path).catch((thrown: unknown) => {
    throw failure(thrown);
  });
  const ask = (request: Request) =>
    module.ask(request).catch((thrown: unknown) => {
      throw failure(thrown);
    });
  const stream: Stream = async function* () {
    const iteration = (await ask({ kind: 'begin' })) as number;
    let isOpen = true;
    try {
      for (;;) {
        const next = (await ask({ kind: 'next', iteration, names }).catch((thrown: unknown) => {
          isOpen = false;
          throw thrown;
        })) as PlainNext;
        isOpen = !next.done;
        if (next.done) return;
        yield next.sample;
      }
    } finally {
      if (isOpen) await ask({ kind: 'end', iteration });
    }
  };
  return { stream, rest: () => ask({ kind: 'rest' }) };
}

function errorOf(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof ModuleFailure)) return thrown;
  if (thrown.kind === 'once') return new QuantizeError('module-once', { path });
  if (thrown.kind === 'not-iterable') {
    const reason = 'its default export is no iterable of samples, and no function that returns one';
    const mend = 'Write `export default async function* () { yield { input: { data, dims } }; }`.';
    return new QuantizeError('data-format', { path, reason, mend });
  }
  return new QuantizeError('module-failed', { path, reason: reasonOf(thrown) }, { cause: thrown });
}

/** One sample, and the inputs of it that have no batch axis. */
interface ReadSample {
  readonly feed: Feed;
  readonly whole: ReadonlySet<string>;
}

type ReadValue = (value: PlainSample, index: number) => ReadSample;

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
  let values: AsyncGenerator<PlainSample> | undefined;
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

function sampleOf(
  { parts, found }: PlainSample,
  index: number,
  { path, inputs, preprocess }: ReadRequest,
): ReadSample {
  const label = `${path}: sample ${index}`;
  const given = new Map(parts);
  const whole = new Set<string>();
  const feed: [string, NdArray][] = [];
  for (const input of inputs) {
    const part = given.get(input.name);
    if (!part) {
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
    feed.push([input.name, fitting(label, { ...array, dims }, input, { preprocess, isWhole })]);
  }
  return { feed: Object.fromEntries(feed), whole };
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

const arrays: Readonly<Record<string, readonly [new (buffer: ArrayBuffer) => ArrayData, ArrayType]>> = {
  Float32Array: [Float32Array, 'float32'],
  Float64Array: [Float64Array, 'float64'],
  Int8Array: [Int8Array, 'int8'],
  Uint8Array: [Uint8Array, 'uint8'],
  Uint8ClampedArray: [Uint8Array, 'uint8'],
  Int16Array: [Int16Array, 'int16'],
  Uint16Array: [Uint16Array, 'uint16'],
  Int32Array: [Int32Array, 'int32'],
  Uint32Array: [Uint32Array, 'uint32'],
  BigInt64Array: [BigInt64Array, 'int64'],
  BigUint64Array: [BigUint64Array, 'uint64'],
};

function arrayOf(path: string, { data: given, dims, type }: PlainPart, input: InputSpec): NdArray {
  const refuse = (reason: string) => {
    const mend = 'Give { data, dims }, the data as a typed array.';
    return new QuantizeError('data-format', { path, reason: `input "${input.name}" ${reason}`, mend });
  };
  const known = Object.hasOwn(arrays, given.type) ? arrays[given.type] : undefined;
  if (!known) throw refuse(`is a ${given.type}, which no tensor is made of`);
  if (dims === null) throw refuse('has dims that are no list of sizes');
  const [make, found] = known;
  const data = new make(given.buffer);
  const shape = dims ?? shapeOf(input, data.length);
  if (elementCount(shape) !== data.length) {
    const needed = elementCount(shape);
    throw refuse(`has ${data.length} elements, where its shape [${shape.join(', ')}] needs ${needed}`);
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
