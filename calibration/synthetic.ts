import { numberToHalf } from '../src/numerics/half.js';
import { type ArrayType, allocate, elementCount, type NdArray } from '../src/numerics/nd-array.js';
import { batchSizeOf } from './sample-set.js';
import { type Random, seededRandom } from './sampling.js';
import type { Batch, InputSpec, SampleSource } from './source.js';

/** What the open dimensions behind the batch are taken as. */
export interface OpenDims {
  /** Every open dimension but the channels. */
  readonly side: number;
  /** An axis of inputs of rank 4 that is taken as another number, where it is open: from the end where negative. */
  readonly channels?: { readonly axis: 1 | -1; readonly count: number };
}

/** Small enough to be quick, large enough to be no edge case. */
const FIRST: OpenDims = { side: 16 };

/**
 * Guesses at open dimensions, in the order in which they are worth a try: a model may want three channels or one,
 * before or behind the other axes, and more pixels than it halves them away. 224 is what most image models are trained
 * at, 512 what most text models end at.
 */
const openDimsToTry: readonly OpenDims[] = [16, 64, 224, 512].flatMap((side) => [
  { side },
  ...[3, 1].flatMap((count) => [
    { side, channels: { axis: 1 as const, count } },
    { side, channels: { axis: -1 as const, count } },
  ]),
]);

/** More elements than this are not tried: 512·512·3 is below, a cube of 224 is no input of any model. */
const MAX_TRIED_ELEMENTS = 2 ** 20;

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
  const hasOpen = inputs.some(({ shape }) =>
    shape?.slice(1).some((dim) => typeof dim !== 'number' || dim <= 0),
  );
  if (!hasOpen) return [first];
  const others = openDimsToTry
    .filter((open) =>
      inputs.every((input) => elementCount(dimsOf(input, 1, open).slice(1)) <= MAX_TRIED_ELEMENTS),
    )
    .map((open) => syntheticSource(inputs, length, seed, open));
  return [first, ...others];
}

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
  const dims = inputs.map((input) => dimsOf(input, size, open));
  return {
    label: 'synthetic',
    length,
    preprocess: 'seeded random input',
    async *open(): AsyncGenerator<Batch> {
      const random = seededRandom(seed);
      for (let i = 0; i < length; i++) {
        const arrays = inputs.map(({ name, type }, at) => [name, randomArray(type, dims[at] ?? [], random)]);
        yield { feed: Object.fromEntries(arrays), size, samples: 1 };
      }
    },
  };
}

/** The shape of an input with its open dimensions filled in. */
function dimsOf(
  { shape = [undefined] }: InputSpec,
  batchSize: number,
  { side, channels }: OpenDims,
): number[] {
  return shape.map((dim, axis) => {
    if (typeof dim === 'number' && dim > 0) return dim;
    if (axis === 0) return batchSize;
    const isChannel =
      shape.length === 4 && channels && axis === (channels.axis + shape.length) % shape.length;
    return isChannel ? channels.count : side;
  });
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
