import { isDeepStrictEqual } from 'node:util';
import { checkShards } from '../../calibration/check-shards.js';
import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError } from '../errors.js';
import { readStart } from '../files/open.js';
import type { MergeOptions } from '../options.js';
import { checkOutputs } from '../prepare/check-files.js';
import { frontOf } from './choose.js';
import type { SweepPart, SweepRecord, SweepResult } from './record.js';
import { readSweep, serializeSweep } from './sweep-file.js';

/** A record that says which shard it is. */
interface ShardRecord extends SweepRecord {
  readonly part: SweepPart;
}

/** Whether a file is the record of a sweep, by its first bytes: statistics are one line, and begin with their model. */
export async function isSweepFile(path: string): Promise<boolean> {
  return /^\{\s*"schemaVersion": \d+,\s*"tool"/.test(await readStart(path));
}

/**
 * The records of all shards of a sweep in one: byte for byte that of one run of all combinations, but for times. A limit
 * is chosen by when the sweep is given again with it, on the file that this writes: nothing is measured then.
 *
 * @throws QuantizeError where a shard is missing, is not finished, or is of another sweep; every existing file is then as
 *   it was
 */
export async function mergeSweeps({ inputs, output }: MergeOptions): Promise<SweepRecord> {
  await checkOutputs([output], inputs);
  const files: { path: string; record: ShardRecord }[] = [];
  for (const path of inputs) files.push({ path, record: await readShard(path) });
  files.sort((a, b) => a.record.part.shard.index - b.record.part.shard.index);
  const [first, ...others] = files;
  if (!first) throw new Error('there is nothing to merge');
  for (const other of others) checkSame(first, other);
  checkShards(
    files.map(({ path, record }) => ({ path, shard: record.part.shard })),
    'quantize sweep',
  );
  const found = new Map<string, SweepResult>();
  for (const { path, record } of files) {
    if (record.missing > 0)
      throw new QuantizeError('statistics-shards', {
        problem: `${path} has ${record.missing} of its combinations still to come`,
        mend: 'Give the command of this shard again: it goes on where it was.',
      });
    for (const result of record.results) found.set(result.name, result);
  }
  const { part, ...own } = first.record;
  const results = part.combinations.map((name) => {
    const result = found.get(name);
    if (!result)
      throw new QuantizeError('statistics-shards', {
        problem: `no shard has the combination ${name}`,
        mend: 'Make all shards again, with the same options.',
      });
    return result;
  });
  const record: SweepRecord = { ...own, results, front: frontOf(results), others: [] };
  await writeFileWhole(output, serializeSweep(record));
  return record;
}

async function readShard(path: string): Promise<ShardRecord> {
  const record = await readSweep(path);
  const { part } = record;
  if (part) return { ...record, part };
  throw new QuantizeError('statistics-shards', {
    problem: `${path} is a whole sweep`,
    mend: 'Give what `quantize sweep … --shard i/n` has written.',
  });
}

/** What all shards of a sweep have in common, by the name of it in a message. */
const common: Readonly<Record<string, (record: ShardRecord) => unknown>> = {
  model: ({ basis }) => basis.model,
  'set of samples': ({ basis }) => basis.samples,
  'version, runtime or machine': ({ basis }) => basis.environment,
  'list of combinations': ({ part }) => part.combinations,
  'number of shards': ({ part }) => part.shard.count,
};

function checkSame(
  first: { path: string; record: ShardRecord },
  other: { path: string; record: ShardRecord },
): void {
  for (const [what, of] of Object.entries(common)) {
    if (isDeepStrictEqual(of(first.record), of(other.record))) continue;
    throw new QuantizeError('sweep-differ', { path: other.path, other: first.path, what });
  }
}
