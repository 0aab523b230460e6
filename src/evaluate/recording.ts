import { closeSync, openSync, writeSync } from 'node:fs';
import type { SampleSource } from '../../calibration/source.js';
import { type ArrayType, type Feed, type NdArray, viewBytes } from '../numerics/nd-array.js';
import { readBytes } from '../proto/file-range.js';

/** What runs batches: a session, or what is left of one. */
export interface Runner {
  readonly outputNames: readonly string[];
  run(feed: Feed): Promise<ReadonlyMap<string, NdArray>>;
}

/** One output of one run, and where its elements stand in the file. */
interface Recorded {
  readonly name: string;
  readonly type: ArrayType;
  readonly dims: readonly number[];
  readonly start: number;
  readonly length: number;
  readonly isText: boolean | undefined;
}

/** What a session gave, in a file. */
export interface Recording {
  /** What gives the same outputs, once, when the batches come again in the same order. */
  replay(): Runner;
}

/** How many samples are enough, or what says it of the outputs of the first batch and how many rows that has. */
export type Enough = number | ((outputs: ReadonlyMap<string, NdArray>, size: number) => number);

/**
 * Run a session over the batches of a source and keep the outputs in a file, so that the session can be released before
 * the next one is loaded.
 *
 * @param file - a new file
 * @param samples - how many samples are enough, or what says it of the first outputs; all by default
 * @returns what gives the same outputs when the batches come again in the same order
 */
export async function record(
  session: Runner,
  source: SampleSource,
  file: string,
  samples: Enough = Number.POSITIVE_INFINITY,
): Promise<Runner> {
  const recording = await recordRuns(session, source, file, samples);
  return recording.replay();
}

/** The same, for outputs that are wanted several times. */
export async function recordRuns(
  session: Runner,
  source: SampleSource,
  file: string,
  samples: Enough = Number.POSITIVE_INFINITY,
): Promise<Recording> {
  return recording(file, session.outputNames, async (keep) => {
    let done = 0;
    let enough: number | undefined;
    for await (const batch of source.open()) {
      const outputs = await session.run(batch.feed);
      keep(outputs);
      enough ??= typeof samples === 'number' ? samples : samples(outputs, batch.size);
      done += batch.samples;
      if (done >= enough) break;
    }
  });
}

/**
 * Keep what some work gives batch by batch.
 *
 * @param file - a new file
 * @param outputNames - what is kept of each batch
 */
export async function recording(
  file: string,
  outputNames: readonly string[],
  work: (keep: (outputs: ReadonlyMap<string, NdArray>) => void) => Promise<void>,
): Promise<Recording> {
  const runs: Recorded[][] = [];
  const handle = openSync(file, 'wx');
  let end = 0;
  const keep = (outputs: ReadonlyMap<string, NdArray>) => {
    const kept: Recorded[] = [];
    for (const name of outputNames) {
      const array = outputs.get(name);
      if (!array) continue;
      const { type, dims, data, isText } = array;
      const length = data.byteLength;
      kept.push({ name, type, dims, start: end, length, isText });
      for (const last = end + length; end < last; ) {
        end += writeSync(handle, data, data.byteLength - (last - end), last - end, end);
      }
    }
    runs.push(kept);
  };
  try {
    await work(keep);
  } finally {
    closeSync(handle);
  }
  return { replay: () => replay(file, runs, outputNames) };
}

const BEYOND = 'there are more batches than were recorded';

/** The same outputs once, of runs that are in memory. */
export function replayOf(runs: readonly ReadonlyMap<string, NdArray>[]): Runner {
  let next = 0;
  return {
    outputNames: [...(runs[0]?.keys() ?? [])],
    async run() {
      const outputs = runs[next++];
      if (!outputs) throw new Error(BEYOND);
      return new Map(outputs);
    },
  };
}

function replay(
  file: string,
  runs: readonly (readonly Recorded[])[],
  outputNames: readonly string[],
): Runner {
  let next = 0;
  return {
    outputNames,
    async run() {
      const outputs = runs[next++];
      if (!outputs) throw new Error(BEYOND);
      return new Map(
        outputs.map(({ name, type, dims, start, length, isText }) => [
          name,
          { type, dims, data: viewBytes(type, readBytes(file, start, length)), ...(isText && { isText }) },
        ]),
      );
    },
  };
}
