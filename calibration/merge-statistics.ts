import { isDeepStrictEqual } from 'node:util';
import { QuantizeError } from '../src/errors.js';
import { checkShards } from './check-shards.js';
import type { Statistics, TensorStatistics } from './statistics.js';
import type { StatisticsFile } from './statistics-file.js';

/**
 * The statistics of all shards of a calibration, exactly those of one run over all samples. The order of the files does
 * not matter. One shard's histograms are in memory at a time, besides the sum.
 *
 * @throws QuantizeError `statistics-differ` for shards of different runs, `statistics-shards` where one is missing,
 *   given twice, or overlaps another
 */
export function mergeStatistics(files: readonly StatisticsFile[]): Statistics {
  const [first, ...others] = [...files].sort((a, b) => indexOf(a) - indexOf(b));
  if (!first) throw new Error('there is nothing to merge');
  for (const other of others) checkSameRun(first, other);
  checkComplete([first, ...others]);

  const statistics = first.readStatistics();
  const sums = new Map(statistics.tensors);
  for (const other of others) {
    const { tensors } = other.readStatistics();
    for (const [name, sum] of sums) sums.set(name, sum.merge(tensors.get(name) as TensorStatistics));
  }
  const { total } = first.header.part;
  const part = { ...first.header.part, shard: { index: 1, count: 1 }, first: 0 };
  return { ...statistics, samples: total, part, tensors: sums };
}

const indexOf = ({ header }: StatisticsFile): number => header.part.shard.index;

/** What all shards of a run have in common, by the name of it in a message. */
const common: Readonly<Record<string, (file: StatisticsFile) => unknown>> = {
  model: ({ header }) => header.modelHash,
  data: ({ header }) => header.data,
  preprocessing: ({ header }) => header.preprocess,
  'choice of samples': ({ header }) => header.part.choice,
  'number of samples': ({ header }) => header.part.total,
  'number of shards': ({ header }) => header.part.shard.count,
  provider: ({ header }) => header.provider,
  tensors: ({ names }) => names,
};

function checkSameRun(first: StatisticsFile, other: StatisticsFile): void {
  for (const [what, of] of Object.entries(common)) {
    const [a, b] = [of(first), of(other)];
    if (isDeepStrictEqual(a, b)) continue;
    // Lists and hashes say nothing to a reader.
    const isTelling = !Array.isArray(a) && !['model', 'choice of samples'].includes(what);
    const details = isTelling ? `: ${a} and ${b}` : '';
    const facts = { path: other.path, other: first.path, what: `${what}${details}` };
    throw new QuantizeError('statistics-differ', facts);
  }
}

/** @param files - in ascending order of their shards */
function checkComplete(files: readonly StatisticsFile[]): void {
  checkShards(
    files.map(({ path, header }) => ({ path, shard: header.part.shard })),
    'quantize calibrate',
  );
  const refuse = (problem: string, mend: string) => new QuantizeError('statistics-shards', { problem, mend });
  // Shards of one choice share it out in one way, so only files that were changed fail here.
  let next = 0;
  for (const { path, header } of files) {
    const { first } = header.part;
    if (first !== next) throw refuse(`${path} begins at sample ${first + 1}, not at ${next + 1}`, anew);
    next = first + header.samples;
  }
  const { total } = (files[0] as StatisticsFile).header.part;
  if (next !== total) throw refuse(`together the shards have ${next} of ${total} samples`, anew);
}

const anew = 'Make all shards again, with the same options.';
