import { createHash } from 'node:crypto';
import { QuantizeError } from '../src/errors.js';
import { allocate, elementCount, type Feed, type NdArray } from '../src/numerics/nd-array.js';
import { chooseSamples } from './sampling.js';
import type { Batch, InputSpec, SampleSource, Shard } from './source.js';

/** Samples by number, each with an array for every input that the set provides, without the batch axis. */
export interface SampleSet {
  /** What a report calls it: the file's name. */
  readonly label: string;
  readonly length: number;
  /** How the samples are made fit for the model. */
  readonly preprocess: string;
  sample(index: number): Feed;
}

/**
 * Sets of different inputs side by side: sample i of one goes with sample i of the others.
 *
 * @throws QuantizeError `data-lengths` where they do not have the same number of samples
 */
export function zipSets(sets: readonly SampleSet[]): SampleSet {
  const [first, ...others] = sets;
  if (!first) throw new Error('there is nothing to join');
  if (others.length === 0) return first;
  const odd = others.find((set) => set.length !== first.length);
  if (odd) {
    const facts = { first: first.label, found: first.length, second: odd.label, other: odd.length };
    throw new QuantizeError('data-lengths', facts);
  }
  return {
    ...first,
    label: sets.map((set) => set.label).join(', '),
    sample: (index) => Object.fromEntries(sets.flatMap((set) => Object.entries(set.sample(index)))),
  };
}

/** Sets of the same inputs, one after the other; their samples may differ in shape. */
export function concatenateSets(sets: readonly SampleSet[]): SampleSet {
  const [first, ...others] = sets;
  if (!first) throw new Error('there is nothing to join');
  if (others.length === 0) return first;
  return {
    ...first,
    label: sets.map((set) => set.label).join(', '),
    length: sets.reduce((sum, set) => sum + set.length, 0),
    sample(index) {
      let rest = index;
      for (const set of sets) {
        if (rest < set.length) return set.sample(rest);
        rest -= set.length;
      }
      throw new Error(`there is no sample ${index}`);
    },
  };
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
}

/** Samples that one run takes: the fixed batch dimension of the inputs, 1 where all are dynamic. */
export function batchSizeOf(inputs: readonly InputSpec[]): number {
  const fixed = inputs.map(({ shape }) => shape?.[0]).filter((dim) => typeof dim === 'number');
  return Math.max(1, ...fixed);
}

/**
 * The samples of a set as runs of the model.
 *
 * A run takes `batchSize` samples; the last one is filled up with the first samples again, which `Batch.samples` does
 * not count. A shard has some of the runs of the whole, each as it is there: what it sees is the same to the bit.
 *
 * @throws QuantizeError `bad-option` where there are fewer runs than shards
 */
export function sourceOf(set: SampleSet, { samples, seed, batchSize, shard }: Batching): SampleSource {
  const chosen = chooseSamples(set.length, samples, seed);
  const feed = (index: number) => set.sample(chosen[index % chosen.length] as number);
  const { first, end } = rangeOf(shard ?? WHOLE, chosen.length, batchSize);
  return {
    label: set.label,
    preprocess: set.preprocess,
    length: end - first,
    part: {
      shard: shard ?? WHOLE,
      first,
      total: chosen.length,
      choice: createHash('sha256')
        .update(JSON.stringify([set.label, set.length, chosen]))
        .digest('hex'),
    },
    async *open(): AsyncGenerator<Batch> {
      for (let start = first; start < end; start += batchSize) {
        const feeds = Array.from({ length: batchSize }, (_, i) => feed(start + i));
        yield { feed: stack(feeds), samples: Math.min(batchSize, chosen.length - start) };
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

/** Samples of the same shapes as one feed, the batch axis before the others. */
function stack(feeds: readonly Feed[]): Feed {
  const [first] = feeds;
  if (!first) throw new Error('a batch holds at least one sample');
  const names = Object.keys(first);
  return Object.fromEntries(
    names.map((name) => [name, stackArrays(feeds.map((feed) => feed[name] as NdArray))]),
  );
}

function stackArrays(parts: readonly NdArray[]): NdArray {
  const [first] = parts as [NdArray];
  const dims = [parts.length, ...first.dims];
  if (parts.length === 1) return { type: first.type, dims, data: first.data };
  const data = allocate(first.type, elementCount(dims));
  parts.forEach((part, index) => {
    data.set(part.data as never, index * elementCount(first.dims));
  });
  return { type: first.type, dims, data };
}
