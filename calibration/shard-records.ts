import * as z from 'zod';
import { QuantizeError, reasonOf } from '../src/errors.js';
import { readStart, readWhole } from '../src/files/open.js';
import { checkShards } from './check-shards.js';
import type { Shard } from './source.js';

/** A kind of JSON file that shards of a run write, and one that their merge writes. */
export interface ShardKind<B extends Basis> {
  /** What it holds, as its key `kind` has it: `sensitivities`. */
  readonly kind: string;
  /** Raised where older ones can no longer be read. */
  readonly version: number;
  /** What the shards are of: `search`. */
  readonly job: string;
  /** The command that makes a shard. */
  readonly command: string;
  /** The flag that takes the whole. */
  readonly flag: string;
  /** What each part of the basis is, for a message. */
  readonly parts: Readonly<Record<keyof B & string, string>>;
}

/** What the content of a file depends on, each as a hash. */
export type Basis = Readonly<Record<string, string>>;

/** What every such file says. */
export interface ShardRecord<B extends Basis> {
  readonly basis: B;
  /** Undefined for the whole. */
  readonly shard: Shard | undefined;
}

/** A hash of the basis, and which shard a file is. */
export const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
export const shardSchema = z
  .strictObject({ index: z.int().positive(), count: z.int().positive() })
  .refine(({ index, count }) => index <= count);

/** Whether a file is of a kind, by its first bytes. */
export const isOfKind = async (path: string, { kind }: Pick<ShardKind<Basis>, 'kind'>): Promise<boolean> =>
  new RegExp(`^\\{\\s*"schemaVersion":\\s*\\d+,\\s*"kind":\\s*"${kind}"`).test(await readStart(path));

/** That a file is none of its kind, or a damaged one. */
export function malformed<B extends Basis>(kind: ShardKind<B>, path: string, reason: string): QuantizeError {
  const { version, command } = kind;
  return new QuantizeError('shard-format', { path, kind: kind.kind, version, reason, command });
}

/**
 * The JSON of a file, as its schema has it.
 *
 * @throws QuantizeError `shard-format` for a file of another kind, or a damaged one
 */
export async function readRecord<T, B extends Basis>(
  kind: ShardKind<B>,
  schema: z.ZodType<T>,
  path: string,
): Promise<T> {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(await readWhole(path)));
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw malformed(kind, path, reasonOf(thrown));
  }
  const found = schema.safeParse(content);
  if (found.success) return found.data;
  const place = found.error.issues[0]?.path.join('.');
  throw malformed(kind, path, place ? `its ${place} is missing or damaged` : 'it holds something else');
}

/**
 * Refuse a file that is no whole, or of other things than those at hand.
 *
 * @throws QuantizeError `statistics-part` or `shard-other`
 */
export function refuseOther<B extends Basis>(
  kind: ShardKind<B>,
  path: string,
  { shard, basis }: ShardRecord<B>,
  own: B,
): void {
  if (shard) throw new QuantizeError('statistics-part', { path, ...shard });
  const what = differing(kind, basis, own);
  const { job, flag } = kind;
  if (what !== undefined) throw new QuantizeError('shard-other', { path, kind: kind.kind, job, what, flag });
}

/**
 * The records of all shards of a run, in their order.
 *
 * @param read - a file of the kind
 * @throws QuantizeError where one is missing, given twice, of another run, or no shard
 */
export async function allShards<B extends Basis, R extends ShardRecord<B>>(
  kind: ShardKind<B>,
  paths: readonly string[],
  read: (path: string) => Promise<R>,
): Promise<[R, ...R[]]> {
  const { job, command } = kind;
  const shards: { path: string; record: R; shard: Shard }[] = [];
  for (const path of paths) {
    const record = await read(path);
    const { shard } = record;
    if (!shard)
      throw new QuantizeError('statistics-shards', {
        problem: `${path} is of a whole ${job}`,
        mend: `Give what \`${command} --shard i/n\` has written.`,
      });
    shards.push({ path, record, shard });
  }
  shards.sort((a, b) => a.shard.index - b.shard.index);
  const [first, ...others] = shards;
  if (!first) throw new Error('there is nothing to merge');
  for (const { path, record, shard } of others) {
    const what =
      differing(kind, record.basis, first.record.basis) ??
      (shard.count === first.shard.count ? undefined : 'number of shards');
    if (what !== undefined) throw new QuantizeError('shard-differ', { path, other: first.path, job, what });
  }
  checkShards(shards, command);
  return [first.record, ...others.map(({ record }) => record)];
}

/** The part of the basis in which two differ, as a message names it. */
function differing<B extends Basis>({ parts }: ShardKind<B>, a: B, b: B): string | undefined {
  return Object.entries<string>(parts).find(([part]) => a[part] !== b[part])?.[1];
}
