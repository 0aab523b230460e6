import { QuantizeError } from '../src/errors.js';
import { numberToHalf } from '../src/numerics/half.js';
import { type ArrayType, allocate, elementCount, type NdArray } from '../src/numerics/nd-array.js';
import { batchAxisOf, isBatchName, isOpenDim, sampleShapeOf } from './batch-axis.js';
import { parseDimension } from './dimensions.js';
import { batchSizeOf } from './sample-set.js';
import { type Random, seededRandom } from './sampling.js';
import type { Batch, InputSpec, SampleSource } from './source.js';

/** What the dimensions that a model leaves open are taken as. */
export interface OpenDims {
  /** Every open dimension but the batch and the channels. */
  readonly side: number;
  /** An axis of inputs of rank 4 that is taken as another number, where it is open: from the end where negative. */
  readonly channels?: { readonly axis: 1 | -1; readonly count: number };
  /** What dimensions are taken as that count what came before, as `past_sequence_length`; `side` without it. */
  readonly past?: number;
  /** Whether short lists hold sizes, as `orig_im_size` does: they are then filled with this number. */
  readonly sizes?: number;
}

/** Small enough to be quick, large enough to be no edge case. */
const FIRST: OpenDims = { side: 16 };

const SIDES = [16, 64, 224, 512];

/**
 * Guesses at open dimensions, in the order in which they are worth a try: a model may want three channels or one,
 * before or behind the other axes, and more pixels than it halves them away. 224 is what most image models are trained
 * at, 512 what most text models end at. A decoder may count past and present in one dimension of a name of its own, which
 * fits where there is no past; others take one token, or one frame, at a time.
 */
const openDimsToTry: readonly OpenDims[] = [
  ...SIDES.flatMap((side) => [
    { side },
    ...[3, 1].flatMap((count) => [
      { side, channels: { axis: 1 as const, count } },
      { side, channels: { axis: -1 as const, count } },
    ]),
  ]),
];

const PAST = /past|cache|prev|memory/i;

const otherDimsToTry: readonly OpenDims[] = [
  { side: 16, past: 0 },
  { side: 1 },
  { side: 1, past: 16 },
  { side: 1, past: 0 },
  ...SIDES.map((side) => ({ side, sizes: 64 })),
];

/** More elements than this are not tried: 512·512·3 is below, a cube of 224 is no input of any model. */
const MAX_TRIED_ELEMENTS = 2 ** 20;

/** Larger inputs are not made up: 1 GiB of float32, a minute of speech or film is far below. */
const MAX_ELEMENTS = 2 ** 28;

/** A list of no more elements may be a size, a scale or a count. */
const MAX_SIZES = 4;

/**
 * Random input in the shapes worth a try, one after the other; where the model leaves nothing open there is only one.
 *
 * @param length - number of samples
 */
export function syntheticSources(
  inputs: readonly InputSpec[],
  length: number,
  seed: number,
): readonly [SampleSource, ...SampleSource[]] {
  const first = syntheticSource(inputs, length, seed);
  const dims = inputs.flatMap((input) => sampleShapeOf(input) ?? [undefined]);
  const hasOpen = dims.some(isOpenDim);
  const hasPast = dims.some((dim) => typeof dim === 'string' && PAST.test(dim));
  const hasSizes = inputs.some((input) => maySayASize(input, input.shape));
  const tried = [...(hasOpen ? openDimsToTry : []), ...otherDimsToTry].filter(
    ({ past, sizes }) =>
      (hasOpen || sizes !== undefined) &&
      (past === undefined || hasPast) &&
      (sizes === undefined || hasSizes),
  );
  const others = tried
    .filter((open) => dimsOf(inputs, 1, open).every((shape) => elementCount(shape) <= MAX_TRIED_ELEMENTS))
    .map((open) => syntheticSource(inputs, length, seed, open));
  return [first, ...others];
}

const maySayASize = ({ type }: InputSpec, shape: readonly unknown[] | undefined): boolean =>
  type !== 'bool' && shape?.length === 1 && typeof shape[0] === 'number' && shape[0] <= MAX_SIZES;

/**
 * Seeded random input for every input of a model, where there are no samples: it shows that two models agree, not how
 * well they do their task, and it calibrates nothing.
 *
 * Floats are standard normal (what normalized data look like), integers 0 or 1, which every vocabulary and mask has.
 *
 * @param open - what dimensions that the model leaves open are taken as
 */
export function syntheticSource(
  inputs: readonly InputSpec[],
  length: number,
  seed: number,
  open: OpenDims = FIRST,
): SampleSource {
  const size = batchSizeOf(inputs);
  const dims = dimsOf(inputs, size, open);
  for (const [at, { name }] of inputs.entries()) {
    const shape = dims[at] ?? [];
    if (elementCount(shape) > MAX_ELEMENTS) {
      const facts = { input: name, shape: shape.join(', '), limit: MAX_ELEMENTS };
      throw new QuantizeError('synthetic-large', facts);
    }
  }
  return {
    label: 'synthetic',
    length,
    preprocess: 'seeded random input',
    async *open(): AsyncGenerator<Batch> {
      const random = seededRandom(seed);
      for (let i = 0; i < length; i++) {
        const arrays = inputs.map((input, at) => {
          const { name, type } = input;
          const shape = dims[at] ?? [];
          const isSize = open.sizes !== undefined && maySayASize(input, shape);
          return [name, isSize ? filledArray(type, shape, open.sizes) : randomArray(type, shape, random)];
        });
        yield { feed: Object.fromEntries(arrays), size, samples: 1 };
      }
    },
  };
}

/** The shapes of the inputs with their open dimensions filled in: a name has one value wherever it stands. */
function dimsOf(inputs: readonly InputSpec[], batchSize: number, open: OpenDims): number[][] {
  const values = valuesOfNames(inputs, batchSize, open);
  return inputs.map((input) => {
    const batchAxis = batchAxisOf(input);
    const { shape = [undefined] } = input;
    return shape.map((dim, axis) => {
      if (typeof dim === 'number' && !isOpenDim(dim)) return dim;
      if (axis === batchAxis) return batchSize;
      const value =
        typeof dim === 'string' ? (values.get(dim) ?? parseDimension(dim)?.value(values)) : undefined;
      if (value !== undefined && Number.isInteger(value) && value >= 0) return value;
      return isChannel(shape, axis, open) ? (open.channels?.count ?? open.side) : open.side;
    });
  });
}

/** A value for every name of a dimension, those that stand in sums and products included. */
function valuesOfNames(
  inputs: readonly InputSpec[],
  batchSize: number,
  open: OpenDims,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const input of inputs) {
    const name = input.shape?.[batchAxisOf(input) ?? -1];
    if (typeof name === 'string') values.set(name, batchSize);
  }
  const guess = (name: string) => (PAST.test(name) ? (open.past ?? open.side) : open.side);
  for (const { shape = [] } of inputs) {
    for (const [axis, dim] of shape.entries()) {
      if (typeof dim !== 'string' || values.has(dim) || parseDimension(dim)) continue;
      values.set(dim, isChannel(shape, axis, open) ? (open.channels?.count ?? open.side) : guess(dim));
    }
  }
  for (const dim of inputs.flatMap(({ shape = [] }) => shape)) {
    for (const name of (typeof dim === 'string' && parseDimension(dim)?.names) || [])
      if (!values.has(name)) values.set(name, isBatchName(name) ? batchSize : guess(name));
  }
  return values;
}

const isChannel = (shape: readonly unknown[], axis: number, { channels }: OpenDims): boolean =>
  shape.length === 4 && channels !== undefined && axis === (channels.axis + shape.length) % shape.length;

function filledArray(stated: string, dims: readonly number[], value: number | undefined): NdArray {
  const type = stated as ArrayType;
  const data = allocate(type, elementCount(dims));
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value ?? 0));
  else data.fill(type === 'float16' ? numberToHalf(value ?? 0) : (value ?? 0));
  return { type, dims, data };
}

function randomArray(stated: string, dims: readonly number[], random: Random): NdArray {
  const type = stated as ArrayType;
  const data = allocate(type, elementCount(dims));
  for (let i = 0; i < data.length; i++) {
    if (type === 'float32' || type === 'float64') data[i] = standardNormal(random);
    else if (type === 'float16') data[i] = numberToHalf(standardNormal(random));
    else if (data instanceof BigInt64Array || data instanceof BigUint64Array)
      data[i] = random() < 0.5 ? 0n : 1n;
    else data[i] = random() < 0.5 ? 0 : 1;
  }
  return { type, dims, data };
}

/** Box–Muller transform. */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
