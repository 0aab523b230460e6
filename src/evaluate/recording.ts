import { closeSync, openSync, writeSync } from 'node:fs';
import type { SampleSource } from '../../calibration/source.js';
import { type ArrayType, type Feed, type NdArray, viewBytes } from '../numerics/nd-array.js';
import { readBytes } from '../proto/file-range.js';

/** What runs batches: a session, or what is left of one. */
export interface Runner {
  readonly outputNames: readonly string[];
  run(feed: Feed): Promise<Map<string, NdArray>>;
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

/**
 * Run a session over the batches of a source and keep the outputs in a file, so that the session can be released before
 * the next one is loaded.
 *
 * @param file - a new file
 * @param samples - how many samples are enough; all by default
 * @returns what gives the same outputs when the batches come again in the same order
 */
export async function record(
  session: Runner,
  source: SampleSource,
  file: string,
  samples = Number.POSITIVE_INFINITY,
): Promise<Runner> {
  const recording = await recordRuns(session, source, file, samples);
  return recording.replay();
}

/** The same, for outputs that are wanted several times. */
export async function recordRuns(
  session: Runner,
  source: SampleSource,
  file: string,
  samples = Number.POSITIVE_INFINITY,
): Promise<Recording> {
  const { outputNames } = session;
  const runs: Recorded[][] = [];
  const handle = openSync(file, 'wx');
  try {
    let [done, end] = [0, 0];
    for await (const batch of source.open()) {
      const outputs: Recorded[] = [];
      for (const [name, { type, dims, data, isText }] of await session.run(batch.feed)) {
        const length = data.byteLength;
        outputs.push({ name, type, dims, start: end, length, isText });
        for (const last = end + length; end < last; ) {
          end += writeSync(handle, data, data.byteLength - (last - end), last - end, end);
        }
      }
      runs.push(outputs);
      done += batch.samples;
      if (done >= samples) break;
    }
  } finally {
    closeSync(handle);
  }
  return { replay: () => replay(file, runs, outputNames) };
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
      if (!outputs) throw new Error('there are more batches than were recorded');
      return new Map(
        outputs.map(({ name, type, dims, start, length, isText }) => [
          name,
          { type, dims, data: viewBytes(type, readBytes(file, start, length)), ...(isText && { isText }) },
        ]),
      );
    },
  };
}
