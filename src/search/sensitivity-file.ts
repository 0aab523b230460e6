import * as z from 'zod';
import { checkShards } from '../../calibration/check-shards.js';
import type { Shard } from '../../calibration/source.js';
import { writeFileWhole } from '../emit/write-file.js';
import { QuantizeError, reasonOf } from '../errors.js';
import { readStart, readWhole } from '../files/open.js';
import { joinSensitivities, type Sensitivities } from './sensitivity.js';

/** Version of the file; it is raised where older ones can no longer be read. */
const VERSION = 1;
const KIND = 'sensitivities';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
/** JSON has no infinity: noise without bound is null. */
const noise = z.number().nonnegative().nullable();

const fileSchema = z.strictObject({
  schemaVersion: z.literal(VERSION),
  kind: z.literal(KIND),
  basis: z.strictObject({ model: hash, samples: hash, settings: hash, environment: hash }),
  /** Only what is not the whole has one. */
  shard: z
    .strictObject({ index: z.int().positive(), count: z.int().positive() })
    .refine(({ index, count }) => index <= count)
    .optional(),
  effects: z.array(
    z.strictObject({ id: z.string(), scheme: z.string(), bits: z.int().positive(), bytes: count, noise }),
  ),
  inputs: z.array(z.strictObject({ id: z.string(), noise, floatBytes: count })),
});

type File = z.output<typeof fileSchema>;

/** What sensitivities depend on, each as a hash. */
export type SensitivityBasis = File['basis'];

/** Sensitivities, what they are of, and which part of all they are. */
export interface SensitivityRecord extends Sensitivities {
  readonly basis: SensitivityBasis;
  /** Undefined for the whole. */
  readonly shard: Shard | undefined;
}

/** What each part of the basis is, for a message. */
const parts: Readonly<Record<keyof SensitivityBasis, string>> = {
  model: 'model',
  samples: 'samples or ranges',
  settings: 'recipe or candidates',
  environment: 'version, runtime or machine',
};

/** The part of the basis in which two differ, as a message names it. */
const differing = (a: SensitivityBasis, b: SensitivityBasis): string | undefined =>
  Object.entries(parts).find(
    ([part]) => a[part as keyof SensitivityBasis] !== b[part as keyof SensitivityBasis],
  )?.[1];

/** Whether a file has sensitivities, by its first bytes. */
export async function isSensitivityFile(path: string): Promise<boolean> {
  return new RegExp(`^\\{\\s*"schemaVersion": \\d+,\\s*"kind": "${KIND}"`).test(await readStart(path));
}

/** A record as the text of its file. */
export function serializeSensitivities({ basis, shard, effects, inputs }: SensitivityRecord): string {
  const finite = <T extends { readonly noise: number }>(effect: T) => ({
    ...effect,
    noise: Number.isFinite(effect.noise) ? effect.noise : null,
  });
  const file: File = {
    ...{ schemaVersion: VERSION, kind: KIND, basis, shard },
    effects: effects.map(finite),
    inputs: inputs.map(finite),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * A record as it was written.
 *
 * @throws QuantizeError `sensitivity-format` for a file that holds none
 */
export async function readSensitivities(path: string): Promise<SensitivityRecord> {
  const bad = (reason: string) => new QuantizeError('sensitivity-format', { path, version: VERSION, reason });
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(await readWhole(path)));
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw bad(reasonOf(thrown));
  }
  const found = fileSchema.safeParse(content);
  if (!found.success) {
    const place = found.error.issues[0]?.path.join('.');
    throw bad(place ? `its ${place} is missing or damaged` : 'it holds something else');
  }
  const { basis, shard, effects, inputs } = found.data;
  const whole = <T extends { readonly noise: number | null }>(effect: T) => ({
    ...effect,
    noise: effect.noise ?? Number.POSITIVE_INFINITY,
  });
  return { basis, shard, effects: effects.map(whole), inputs: inputs.map(whole) };
}

/**
 * Sensitivities for a search of this basis.
 *
 * @throws QuantizeError where the file is a shard, or of other things
 */
export async function readOwnSensitivities(path: string, basis: SensitivityBasis): Promise<Sensitivities> {
  const record = await readSensitivities(path);
  if (record.shard) throw new QuantizeError('statistics-part', { path, ...record.shard });
  const what = differing(record.basis, basis);
  if (what !== undefined) throw new QuantizeError('sensitivity-other', { path, what });
  return record;
}

/**
 * The sensitivities of all shards in one file: byte for byte that of one run.
 *
 * @throws QuantizeError where a shard is missing or is of another search; every existing file is then as it was
 */
export async function mergeSensitivityFiles(
  inputs: readonly string[],
  output: string,
): Promise<SensitivityRecord> {
  const files: { path: string; record: SensitivityRecord & { readonly shard: Shard } }[] = [];
  for (const path of inputs) {
    const record = await readSensitivities(path);
    const { shard } = record;
    if (!shard)
      throw new QuantizeError('statistics-shards', {
        problem: `${path} is of a whole search`,
        mend: 'Give what `quantize … --auto --shard i/n` has written.',
      });
    files.push({ path, record: { ...record, shard } });
  }
  files.sort((a, b) => a.record.shard.index - b.record.shard.index);
  const [first, ...others] = files;
  if (!first) throw new Error('there is nothing to merge');
  for (const { path, record } of others) {
    const what =
      differing(record.basis, first.record.basis) ??
      (record.shard.count === first.record.shard.count ? undefined : 'number of shards');
    if (what !== undefined) throw new QuantizeError('sensitivity-differ', { path, other: first.path, what });
  }
  checkShards(
    files.map(({ path, record }) => ({ path, shard: record.shard })),
    'quantize … --auto',
  );
  const joined = joinSensitivities(files.map(({ record }) => record));
  const record = { basis: first.record.basis, shard: undefined, ...joined };
  await writeFileWhole(output, serializeSensitivities(record));
  return record;
}
