import { isDeepStrictEqual } from 'node:util';
import { QuantizeError } from '../src/errors.js';
import { checkShards } from './check-shards.js';
import { MOST_RANGES, type Statistics, type TensorStatistics } from './statistics.js';
import { readStatisticsFile, type StatisticsFile } from './statistics-file.js';

/** What a file says of itself. */
type Head = Omit<StatisticsFile, 'readStatistics'>;

/**
 * The statistics of all shards of a calibration, exactly those of one run over all samples. The order of the files does
 * not matter. One shard's histograms are in memory at a time, besides the sum.
 *
 * @throws QuantizeError `statistics-differ` for shards of different runs, `statistics-shards` where one is missing,
 *   given twice, or overlaps another
 */
export function mergeStatistics(files: readonly StatisticsFile[]): Statistics {
  let sum: Statistics | undefined;
  for (const file of inOrder(files)) sum = joined(sum, file);
  return wholeOf(sum);
}

/**
 * The same from files, each of which is read twice and let go: what they say of themselves first, since all must fit before
 * anything is added.
 *
 * @throws QuantizeError also where a file cannot be read, or changes meanwhile
 */
export async function mergeStatisticsFiles(paths: readonly string[]): Promise<Statistics> {
  const heads: Head[] = [];
  for (const path of paths) {
    const { header, checksum, names, isEachRange } = await readStatisticsFile(path);
    heads.push({ path, header, checksum, names, isEachRange });
  }
  let sum: Statistics | undefined;
  for (const { path, checksum } of inOrder(heads)) {
    const file = await readStatisticsFile(path);
    if (file.checksum !== checksum) throw new QuantizeError('file-changed', { path });
    sum = joined(sum, file);
  }
  return wholeOf(sum);
}

function inOrder<F extends Head>(files: readonly F[]): F[] {
  const [first, ...others] = [...files].sort((a, b) => indexOf(a) - indexOf(b));
  if (!first) throw new Error('there is nothing to merge');
  for (const other of others) checkSameRun(first, other);
  checkComplete([first, ...others]);
  const blocked = others.length > 0 && [first, ...others].find(({ isEachRange }) => !isEachRange);
  if (blocked)
    throw new QuantizeError('statistics-shards', {
      problem: `${blocked.path} has more than ${MOST_RANGES} samples, and no range for each of them`,
      mend: 'Cut the calibration into more shards.',
    });
  return [first, ...others];
}

function joined(sum: Statistics | undefined, file: StatisticsFile): Statistics {
  const own = file.readStatistics();
  if (!sum) return own;
  for (const [name, tensor] of sum.tensors) tensor.absorb(own.tensors.get(name) as TensorStatistics);
  return sum;
}

function wholeOf(sum: Statistics | undefined): Statistics {
  if (!sum) throw new Error('there is nothing to merge');
  const { total } = sum.part;
  return { ...sum, samples: total, part: { ...sum.part, shard: { index: 1, count: 1 }, first: 0 } };
}

const indexOf = ({ header }: Head): number => header.part.shard.index;

/** What all shards of a run have in common, by the name of it in a message. */
const common: Readonly<Record<string, (file: Head) => unknown>> = {
  model: ({ header }) => header.modelHash,
  data: ({ header }) => header.data,
  preprocessing: ({ header }) => header.preprocess,
  'choice of samples': ({ header }) => header.part.choice,
  'number of samples': ({ header }) => header.part.total,
  'number of shards': ({ header }) => header.part.shard.count,
  provider: ({ header }) => header.provider,
  tensors: ({ names }) => names,
};

function checkSameRun(first: Head, other: Head): void {
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
function checkComplete(files: readonly Head[]): void {
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
  const { total } = (files[0] as Head).header.part;
  if (next !== total) throw refuse(`together the shards have ${next} of ${total} samples`, anew);
}

const anew = 'Make all shards again, with the same options.';
