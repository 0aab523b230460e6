import type { Feed, NdArray } from '../src/numerics/nd-array.js';
import type { BatchRows, SampleSource } from './source.js';
import { TensorStatistics } from './statistics.js';

/** Runs the float model once and gives the values of the tensors asked for. */
export type Runner = (feed: Feed) => Promise<ReadonlyMap<string, NdArray>>;

/** Told after each batch how many samples are done. */
export type Progress = (done: number, total: number) => void;

/**
 * One pass over the samples: run the float model, count what its tensors hold. Memory is that of one run and of the
 * statistics, whatever the number of samples.
 *
 * @param tensors - the names of the float32 tensors to observe; what the runner gives beyond them is not looked at
 * @param told - gets all that the runner gives of each batch
 */
export async function collectStatistics(
  source: SampleSource,
  tensors: readonly string[],
  run: Runner,
  progress: Progress = () => {},
  told?: (values: ReadonlyMap<string, NdArray>, samples: number) => void,
): Promise<Map<string, TensorStatistics>> {
  const statistics = new Map(tensors.map((name) => [name, new TensorStatistics()]));
  let done = 0;
  for await (const batch of source.open()) {
    const values = await run(batch.feed);
    told?.(values, batch.samples);
    for (const [name, kept] of statistics) {
      const array = values.get(name);
      if (array?.type !== 'float32') continue;
      for (const sample of samplesOf(array as NdArray & { data: Float32Array }, batch)) kept.add(sample);
    }
    done += batch.samples;
    progress(done, source.length);
  }
  return statistics;
}

/**
 * The parts of a batch's tensor that belong to its samples, copies behind them left out. The first axis may be the
 * batch times something (windows, heads); a tensor whose first axis is no multiple of the batch is taken whole.
 */
function samplesOf(array: NdArray & { data: Float32Array }, { size, samples }: BatchRows): Float32Array[] {
  const { data, dims } = array;
  const rows = dims[0] ?? 1;
  if (size === 1 || rows === 0 || rows % size !== 0) return [data];
  const length = data.length / size;
  return Array.from({ length: samples }, (_, i) => data.subarray(i * length, (i + 1) * length));
}
