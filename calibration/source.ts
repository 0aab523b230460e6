import type { Feed } from '../src/numerics/nd-array.js';

/** One run of the model: named inputs that hold `samples` samples, the rest of the batch being filled up. */
export interface Batch {
  readonly feed: Feed;
  /** How many samples of this batch count; a fixed batch dimension may hold copies behind them. */
  readonly samples: number;
}

/** One of `count` shards that follow one another; `index` counts from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Which of the chosen samples a source gives: all of them, or those of one shard. */
export interface Part {
  readonly shard: Shard;
  /** Place of its first sample among those chosen. */
  readonly first: number;
  /** Samples that all shards have together. */
  readonly total: number;
  /** SHA-256 of the data's label, its length and the places of the samples chosen: the same for all shards. */
  readonly choice: string;
}

/** All of some samples that were not chosen from anything. */
export const wholePart = (total: number): Part => ({
  shard: { index: 1, count: 1 },
  first: 0,
  total,
  choice: '',
});

/** Samples that can be read again from the start, any number of times, in the same order. */
export interface SampleSource {
  /** What a report calls it: the file's name, or `synthetic`. */
  readonly label: string;
  /** Number of samples. */
  readonly length: number;
  /** How the samples were made fit for the model, for reports and statistics files. */
  readonly preprocess: string;
  /** Undefined for samples that were not chosen from anything. */
  readonly part?: Part;
  open(): AsyncIterable<Batch>;
}

/** An input of the model, as far as a reader needs to know it. */
export interface InputSpec {
  readonly name: string;
  readonly type: string;
  /** A number is fixed, a string is a dynamic dimension, undefined an unknown one; undefined where the rank is unknown. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
}
