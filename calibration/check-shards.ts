import { QuantizeError } from '../src/errors.js';
import type { Shard } from './source.js';

/** One of the files of a run that was cut into shards. */
export interface ShardFile {
  readonly path: string;
  readonly shard: Shard;
}

/** Missing shards that a message names. */
const MOST_NAMED = 3;

/**
 * Whether all shards of a run are there, each once.
 *
 * @param files - in ascending order of their shards, at least one
 * @param command - what makes a shard, for the message
 * @throws QuantizeError `statistics-shards` where one is missing or given twice
 */
export function checkShards(files: readonly ShardFile[], command: string): void {
  const { count } = (files[0] as ShardFile).shard;
  const refuse = (problem: string, mend: string) => new QuantizeError('statistics-shards', { problem, mend });
  files.forEach((file, i) => {
    const before = files[i - 1];
    const { index } = file.shard;
    if (before?.shard.index !== index) return;
    throw refuse(
      `${before.path} and ${file.path} are both shard ${index} of ${count}`,
      'Give each shard once.',
    );
  });
  const known = new Set(files.map(({ shard }) => shard.index));
  const missing: number[] = [];
  // The number of shards is what a file says: only so many are named.
  for (let index = 1; index <= count && missing.length < MOST_NAMED; index++)
    if (!known.has(index)) missing.push(index);
  if (missing.length === 0) return;
  const others = count - known.size - missing.length;
  const named = missing.map((index) => `${index}/${count}`).join(', ');
  const which = others > 0 ? `${named} and ${others} more` : named;
  const isOne = others + missing.length === 1;
  throw refuse(
    `${isOne ? 'shard' : 'shards'} ${which} ${isOne ? 'is' : 'are'} missing`,
    `Make it with \`${command} … --shard ${missing[0]}/${count}\`, or give its file too.`,
  );
}
