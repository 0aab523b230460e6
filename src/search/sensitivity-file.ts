import * as z from 'zod';
import {
  allShards,
  hashSchema,
  isOfKind,
  readRecord,
  refuseOther,
  type ShardKind,
  type ShardRecord,
  shardSchema,
} from '../../calibration/shard-records.js';
import { writeFileWhole } from '../emit/write-file.js';
import { joinSensitivities, type Sensitivities } from './sensitivity.js';

/** Version of the file; it is raised where older ones can no longer be read. */
const VERSION = 1;
const KIND = 'sensitivities';

const count = z.int().nonnegative();
/** JSON has no infinity: noise without bound is null. */
const noise = z.number().nonnegative().nullable();

const fileSchema = z.strictObject({
  schemaVersion: z.literal(VERSION),
  kind: z.literal(KIND),
  basis: z.strictObject({
    model: hashSchema,
    samples: hashSchema,
    settings: hashSchema,
    environment: hashSchema,
  }),
  /** Only what is not the whole has one. */
  shard: shardSchema.optional(),
  effects: z.array(
    z.strictObject({ id: z.string(), scheme: z.string(), bits: z.int().positive(), bytes: count, noise }),
  ),
  inputs: z.array(z.strictObject({ id: z.string(), noise, floatBytes: count })),
});

type File = z.output<typeof fileSchema>;

/** What sensitivities depend on, each as a hash. */
export type SensitivityBasis = File['basis'];

/** Sensitivities, what they are of, and which part of all they are. */
export interface SensitivityRecord extends Sensitivities, ShardRecord<SensitivityBasis> {}

const kind: ShardKind<SensitivityBasis> = {
  kind: KIND,
  version: VERSION,
  job: 'search',
  command: 'quantize … --auto',
  flag: '--sensitivity',
  parts: {
    model: 'model',
    samples: 'samples or ranges',
    settings: 'recipe or candidates',
    environment: 'version, runtime or machine',
  },
};

/** Whether a file has sensitivities, by its first bytes. */
export const isSensitivityFile = (path: string): Promise<boolean> => isOfKind(path, kind);

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
 * @throws QuantizeError `shard-format` for a file that holds none
 */
export async function readSensitivities(path: string): Promise<SensitivityRecord> {
  const { basis, shard, effects, inputs } = await readRecord(kind, fileSchema, path);
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
  refuseOther(kind, path, record, basis);
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
  const parts = await allShards(kind, inputs, readSensitivities);
  const record = { basis: parts[0].basis, shard: undefined, ...joinSensitivities(parts) };
  await writeFileWhole(output, serializeSensitivities(record));
  return record;
}
