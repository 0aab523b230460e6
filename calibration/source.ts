import type { Feed } from '../src/numerics/nd-array.js';

/** Which rows of a run count: the one place that says so. */
export interface BatchRows {
  /** How many samples the feed holds, copies included: a value has a batch axis where its axis 0 is this long. */
  readonly size: number;
  /** How many of them count; a fixed batch dimension may hold copies behind them. */
  readonly samples: number;
}

/** One run of the model: named inputs that hold `size` samples, of which the first `samples` count. */
export interface Batch extends BatchRows {
  readonly feed: Feed;
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
  /** The file of each sample, relative to the path that was given; undefined where a file holds many. */
  readonly names?: readonly string[];
  /** What a user should know of the samples, as that some were left out. */
  readonly warnings?: readonly string[];
  open(): AsyncIterable<Batch>;
}

/** An input of the model, as far as a reader needs to know it. */
export interface InputSpec {
  readonly name: string;
  readonly type: string;
  /** A number is fixed, a string is a dynamic dimension, undefined an unknown one; undefined where the rank is unknown. */
  readonly shape: readonly (number | string | undefined)[] | undefined;
  /** The axis that holds the samples, 0 without it; 'none' where a sample is a whole input. */
  readonly batchAxis?: number | 'none' | undefined;
}
