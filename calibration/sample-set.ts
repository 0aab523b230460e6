import { createHash } from 'node:crypto';
import { QuantizeError } from '../src/errors.js';
import { allocate, elementCount, type Feed, type NdArray } from '../src/numerics/nd-array.js';
import { batchAxisOf, withAxis } from './batch-axis.js';
import { chooseSamples } from './sampling.js';
import type { Batch, InputSpec, SampleSource, Shard } from './source.js';

/** Samples by number, each with an array for every input that the set provides, without the batch axis. */
export interface SampleSet {
  /** What a report calls it: the file's name. */
  readonly label: string;
  readonly length: number;
  /** How the samples are made fit for the model. */
  readonly preprocess: string;
  /** Inputs whose samples are whole inputs, since the model's input has no batch axis; such a sample is a run alone. */
  readonly whole?: ReadonlySet<string>;
  /** Whether its only sample goes with every sample of the other inputs: a number for the whole run, as a sampling rate. */
  readonly isForAll?: boolean;
  /** Read when it is asked for, in any order. */
  sample(index: number): Promise<Feed>;
  /** The file of each sample, relative to the path that was given; undefined where a file holds many. */
  readonly names?: readonly string[];
  /** Why a sample cannot be read, and so is left out; undefined where it can. Without it all can. */
  readonly flawOf?: (index: number) => Promise<string | undefined>;
}

/**
 * Sets of different inputs side by side: sample i of one goes with sample i of the others.
 *
 * @throws QuantizeError `data-lengths` where they do not have the same number of samples
 */
export function zipSets(sets: readonly SampleSet[]): SampleSet {
  const many = sets.filter(({ isForAll }) => !isForAll);
  const [first = sets[0], ...others] = many;
  if (!first) throw new Error('there is nothing to join');
  if (sets.length === 1) return first;
  const odd = others.find((set) => set.length !== first.length);
  if (odd) {
    const facts = { first: first.label, found: first.length, second: odd.label, other: odd.length };
    throw new QuantizeError('data-lengths', facts);
  }
  return {
    label: sets.map((set) => set.label).join(', '),
    preprocess: first.preprocess,
    length: first.length,
    whole: new Set(sets.flatMap((set) => [...(set.whole ?? [])])),
    ...namesOf(sets),
    ...(sets.some((set) => set.flawOf) && {
      async flawOf(index) {
        for (const set of sets) {
          const flaw = await set.flawOf?.(set.isForAll ? 0 : index);
          if (flaw !== undefined) return flaw;
        }
        return undefined;
      },
    }),
    async sample(index) {
      const feeds: Feed[] = [];
      for (const set of sets) feeds.push(await set.sample(set.isForAll ? 0 : index));
      // Not by assignment: an input may be named `__proto__`.
      return Object.fromEntries(feeds.flatMap((feed) => Object.entries(feed)));
    },
  };
}

/** The names of the first set that has some. */
function namesOf(sets: readonly SampleSet[]): Pick<SampleSet, 'names'> {
  const names = sets.find((set) => set.names)?.names;
  return names ? { names } : {};
}

/** Sets of the same inputs, one after the other; their samples may differ in shape. */
export function concatenateSets(sets: readonly SampleSet[]): SampleSet {
  const [first, ...others] = sets;
  if (!first) throw new Error('there is nothing to join');
  if (others.length === 0) return first;
  const placeOf = (index: number): { set: SampleSet; at: number } => {
    let at = index;
    for (const set of sets) {
      if (at < set.length) return { set, at };
      at -= set.length;
    }
    throw new Error(`there is no sample ${index}`);
  };
  const names = sets.flatMap((set) => set.names ?? []);
  const length = sets.reduce((sum, set) => sum + set.length, 0);
  return {
    label: sets.map((set) => set.label).join(', '),
    preprocess: first.preprocess,
    length,
    whole: new Set(sets.flatMap((set) => [...(set.whole ?? [])])),
    ...(names.length === length && { names }),
    ...(sets.some((set) => set.flawOf) && {
      async flawOf(index) {
        const { set, at } = placeOf(index);
        return set.flawOf?.(at);
      },
    }),
    async sample(index) {
      const { set, at } = placeOf(index);
      return set.sample(at);
    },
  };
}

/** More unreadable samples than this share are an error: the folder is then not what it is taken for. */
const MAX_UNREADABLE_SHARE = 0.1;

/** How many unreadable samples a message names. */
const NAMED_FLAWS = 3;

/** The samples that serve, and what to know of the others. */
export interface ChosenSamples {
  /** Their numbers in the set, ascending. */
  readonly indices: readonly number[];
  readonly warnings: readonly string[];
}

/**
 * Choose samples by the seed, and leave out those that cannot be read: each is looked at once, before the first run, so
 * that their number is known and every pass sees the same.
 *
 * @throws QuantizeError `data-unreadable` where more than a tenth of the chosen ones cannot be read
 */
export async function chooseReadable(
  set: SampleSet,
  { samples, seed }: Pick<Batching, 'samples' | 'seed'>,
): Promise<ChosenSamples> {
  const chosen = chooseSamples(set.length, samples, seed);
  if (!set.flawOf) return { indices: chosen, warnings: [] };
  const indices: number[] = [];
  const flaws: string[] = [];
  for (const index of chosen) {
    const flaw = await set.flawOf(index);
    if (flaw === undefined) indices.push(index);
    else flaws.push(flaw);
  }
  if (flaws.length === 0) return { indices, warnings: [] };
  const more = flaws.length > NAMED_FLAWS ? `, and ${flaws.length - NAMED_FLAWS} more` : '';
  const named = `${flaws.slice(0, NAMED_FLAWS).join('; ')}${more}`;
  if (flaws.length > MAX_UNREADABLE_SHARE * chosen.length) {
    const facts = { path: set.label, count: flaws.length, total: chosen.length, named };
    throw new QuantizeError('data-unreadable', facts);
  }
  const warning = `${flaws.length} of ${chosen.length} samples of ${set.label} cannot be read and were left out: ${named}.`;
  return { indices, warnings: [warning] };
}

/** How samples are chosen and put into runs. */
export interface Batching {
  /** At most this many, chosen by the seed; all of them without it. */
  readonly samples: number | undefined;
  readonly seed: number;
  /** Samples that one run takes. */
  readonly batchSize: number;
  /** Only the runs of this shard; all of them without it. */
  readonly shard?: Shard | undefined;
  /** The inputs whose batch axis is not the first. */
  readonly batchAxes?: ReadonlyMap<string, number> | undefined;
}

/**
 * Samples that one run takes: the fixed batch dimension of the inputs, 1 where all are dynamic.
 *
 * @param whole - inputs that have no batch axis
 */
export function batchSizeOf(inputs: readonly InputSpec[], whole: ReadonlySet<string> = new Set()): number {
  const fixed = inputs
    .filter(({ name }) => !whole.has(name))
    .map((input) => input.shape?.[batchAxisOf(input) ?? -1])
    .filter((dim) => typeof dim === 'number');
  return Math.max(1, ...fixed);
}

/**
 * The samples of a set as runs of the model.
 *
 * A run takes `batchSize` samples; the last one is filled up with the first samples again, which `Batch.samples` does
 * not count. A shard has some of the runs of the whole, each as it is there: what it sees is the same to the bit.
 *
 * @param chosen - which samples serve, where they are chosen already
 * @throws QuantizeError `bad-option` where there are fewer runs than shards
 */
export function sourceOf(
  set: SampleSet,
  { samples, seed, batchSize, shard, batchAxes = new Map() }: Batching,
  chosen: ChosenSamples = { indices: chooseSamples(set.length, samples, seed), warnings: [] },
): SampleSource {
  const { indices, warnings } = chosen;
  const feed = (index: number) => set.sample(indices[index % indices.length] as number);
  const { first, end } = rangeOf(shard ?? WHOLE, indices.length, batchSize);
  return {
    label: set.label,
    preprocess: set.preprocess,
    length: end - first,
    ...(set.names && { names: indices.slice(first, end).map((index) => set.names?.[index] as string) }),
    warnings,
    part: {
      shard: shard ?? WHOLE,
      first,
      total: indices.length,
      choice: createHash('sha256')
        .update(JSON.stringify([set.label, set.length, indices]))
        .digest('hex'),
    },
    async *open(): AsyncGenerator<Batch> {
      for (let start = first; start < end; start += batchSize) {
        const feeds: Feed[] = [];
        for (let i = 0; i < batchSize; i++) feeds.push(await feed(start + i));
        yield {
          feed: stack(feeds, set, batchAxes),
          size: batchSize,
          samples: Math.min(batchSize, indices.length - start),
        };
      }
    },
  };
}

const WHOLE: Shard = { index: 1, count: 1 };

/** The samples of a shard, from `first` up to `end`: runs are shared out evenly, none is cut. */
function rangeOf({ index, count }: Shard, samples: number, batchSize: number) {
  const runs = Math.ceil(samples / batchSize);
  if (count > runs && count > 1) {
    const mend = `Make at most ${runs} shards, or calibrate on more samples.`;
    const problem = `cannot be ${index}/${count}: ${samples} samples are ${runs} runs of the model`;
    throw new QuantizeError('bad-option', { flag: '--shard', problem, mend });
  }
  const start = (shards: number) => Math.floor((shards * runs) / count) * batchSize;
  return { first: start(index - 1), end: Math.min(start(index), samples) };
}

/** Samples of the same shapes as one feed, the batch axis where each input has it. */
function stack(
  feeds: readonly Feed[],
  { label, whole }: SampleSet,
  batchAxes: ReadonlyMap<string, number>,
): Feed {
  const [first] = feeds;
  if (!first) throw new Error('a batch holds at least one sample');
  const names = Object.keys(first);
  return Object.fromEntries(
    names.map((name) => {
      const parts = feeds.map((feed) => feed[name] as NdArray);
      if (whole?.has(name)) return [name, sharedBy(label, name, parts)];
      return [name, stackArrays(label, name, parts, batchAxes.get(name) ?? 0)];
    }),
  );
}

/** What has no batch axis is there once for a whole run, so the samples of the run must agree on it. */
function sharedBy(path: string, name: string, parts: readonly NdArray[]): NdArray {
  const [first] = parts as [NdArray];
  if (parts.every((part) => String(part.data) === String(first.data))) return first;
  const reason = `the samples of one run differ in input "${name}", which has no batch axis`;
  const mend = `Export the model with a dynamic batch dimension, or give "${name}" the same value throughout.`;
  throw new QuantizeError('data-format', { path, reason, mend });
}

function stackArrays(path: string, name: string, parts: readonly NdArray[], axis: number): NdArray {
  const [first] = parts as [NdArray];
  const dims = withAxis(first.dims, axis, parts.length);
  if (parts.length === 1) return { type: first.type, dims, data: first.data };
  const odd = parts.find((part) => part.dims.join() !== first.dims.join());
  if (odd) {
    const shapes = `[${first.dims.join(', ')}] and [${odd.dims.join(', ')}]`;
    const reason = `the samples of one run have the shapes ${shapes} in input "${name}"`;
    const mend = `The model runs ${parts.length} samples at once: give them the same shape.`;
    throw new QuantizeError('data-format', { path, reason, mend });
  }
  const data = allocate(first.type, elementCount(dims));
  const inner = elementCount(first.dims.slice(axis));
  parts.forEach((part, index) => {
    for (let at = 0; at * inner < part.data.length; at++) {
      const from = part.data.subarray(at * inner, (at + 1) * inner);
      data.set(from as never, (at * parts.length + index) * inner);
    }
  });
  return { type: first.type, dims, data };
}
