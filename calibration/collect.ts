import type { Feed, NdArray } from '../src/numerics/nd-array.js';
import type { BatchRows, SampleSource } from './source.js';
import { type SampleRange, TensorStatistics } from './statistics.js';

/** Runs the float model once and gives the values of the tensors asked for. */
export type Runner = (feed: Feed) => Promise<ReadonlyMap<string, NdArray>>;

/** Told after each batch how many samples are done. */
export type Progress = (done: number, total: number) => void;

/** What else is done in a pass over the samples. */
export interface Collecting {
  readonly progress?: Progress | undefined;
  /** Gets all that the runner gives of each batch. */
  readonly told?: ((values: ReadonlyMap<string, NdArray>, samples: number) => void) | undefined;
  /** Asked after each batch: whether the pass ends here, and what was counted is left. */
  readonly ends?: ((done: number) => boolean) | undefined;
}

/**
 * One pass over the samples: run the float model, count what its tensors hold. Memory is that of one run and of the
 * statistics, whatever the number of samples.
 *
 * @param tensors - the names of the float32 tensors to observe; what the runner gives beyond them is not looked at
 */
export async function collectStatistics(
  source: SampleSource,
  tensors: readonly string[],
  run: Runner,
  { progress = () => {}, told, ends = () => false }: Collecting = {},
): Promise<Map<string, TensorStatistics>> {
  const statistics = new Map(tensors.map((name) => [name, new TensorStatistics()]));
  let done = 0;
  for await (const batch of source.open()) {
    const values = await run(batch.feed);
    told?.(values, batch.samples);
    addRanges(statistics, countBatch(statistics, values, batch));
    done += batch.samples;
    progress(done, source.length);
    if (ends(done)) break;
  }
  return statistics;
}

/** Of each tensor, the range of each sample of a batch, in order. */
export type BatchRanges = ReadonlyMap<string, readonly SampleRange[]>;

/** Count the samples of a batch; their ranges are given back, to be added in the order of all samples. */
export function countBatch(
  statistics: ReadonlyMap<string, TensorStatistics>,
  values: ReadonlyMap<string, NdArray>,
  rows: BatchRows,
): BatchRanges {
  return new Map(
    [...statistics].map(([name, kept]) => [
      name,
      samplesOf(values.get(name), rows).map((sample) => kept.count(sample)),
    ]),
  );
}

/** Add the ranges of a batch, which is the next in order. */
export function addRanges(statistics: ReadonlyMap<string, TensorStatistics>, ranges: BatchRanges): void {
  for (const [name, each] of ranges) for (const range of each) statistics.get(name)?.addRange(range);
}

/**
 * The parts of a batch's tensor that belong to its samples, copies behind them left out; none of what is not float32. The
 * first axis may be the batch times something (windows, heads); a tensor whose first axis is no multiple of the batch is
 * taken whole.
 */
function samplesOf(array: NdArray | undefined, { size, samples }: BatchRows): Float32Array[] {
  if (array?.type !== 'float32') return [];
  const { dims } = array;
  const data = array.data as Float32Array;
  const rows = dims[0] ?? 1;
  if (size === 1 || rows === 0 || rows % size !== 0) return [data];
  const length = data.length / size;
  return Array.from({ length: samples }, (_, i) => data.subarray(i * length, (i + 1) * length));
}
