import { createHash } from 'node:crypto';
import * as z from 'zod';
import {
  allShards,
  hashSchema,
  isOfKind,
  malformed,
  readRecord,
  refuseOther,
  type ShardKind,
  type ShardRecord,
  shardSchema,
} from '../../calibration/shard-records.js';
import type { RefinedBlock } from '../quantize/plan.js';
import type { LearnedBlock, LearnedBlocks } from '../refine/learning/learned-blocks.js';
import { gridSchema, partsOf, shapeOf, tensorFrom, weightSchema } from './stored-numbers.js';
import { writeFileWhole } from './write-file.js';

const KIND = 'learned blocks';
const VERSION = 1;

/** Base64 of the elements, little-endian. */
const base64 = z.string();
const arrays = { Int8Array, Uint8Array, Float32Array, Float64Array };
type Flat = Int8Array | Uint8Array | Float32Array | Float64Array;
const arraySchema = z.strictObject({
  type: z.enum(['Int8Array', 'Uint8Array', 'Float32Array', 'Float64Array']),
  data: base64,
});
type ArrayJson = z.output<typeof arraySchema>;

const blockSchema = z.strictObject({
  /** Its place among all blocks. */
  at: z.int().nonnegative(),
  id: z.string(),
  /** Why it was left as it was; else errors before and after, and then the losses. */
  left: z.string().optional(),
  errors: arraySchema.optional(),
  weights: z.array(
    z.strictObject({ site: z.string(), weight: weightSchema, parts: z.record(z.string(), arraySchema) }),
  ),
  biases: z.array(z.strictObject({ id: z.string(), bias: arraySchema })),
  activations: z.array(z.strictObject({ value: z.string(), grid: gridSchema })),
});
type BlockJson = z.output<typeof blockSchema>;

const fileSchema = z.strictObject({
  schemaVersion: z.literal(VERSION),
  kind: z.literal(KIND),
  basis: z.strictObject({
    model: hashSchema,
    samples: hashSchema,
    settings: hashSchema,
    environment: hashSchema,
    start: hashSchema,
  }),
  /** Only what is not the whole has one. */
  shard: shardSchema.optional(),
  /** How many blocks there are in all. */
  of: z.int().nonnegative(),
  blocks: z.array(blockSchema),
  /** SHA-256 of the JSON without it. */
  checksum: hashSchema,
});
type File = z.output<typeof fileSchema>;

/** What learned blocks depend on, each as a hash. */
export type LearnedBasis = File['basis'];

/** Blocks that were learned, what they are of, and which part of all they are. */
export interface LearnedRecord extends LearnedBlocks, ShardRecord<LearnedBasis> {}

const kind: ShardKind<LearnedBasis> = {
  kind: KIND,
  version: VERSION,
  job: 'run',
  command: 'quantize … --refine',
  flag: '--learned',
  parts: {
    model: 'model',
    samples: 'samples',
    settings: 'recipe, settings or seed',
    environment: 'version, runtime or machine',
    start: 'the numbers that learning starts from',
  },
};

/** Whether a file has learned blocks, by its first bytes. */
export const isLearnedFile = (path: string): Promise<boolean> => isOfKind(path, kind);

/** A record as the text of its file. */
export function serializeLearned({ basis, shard, of, blocks }: LearnedRecord): string {
  const file: Omit<File, 'checksum'> = {
    ...{ schemaVersion: VERSION, kind: KIND, basis, shard, of },
    blocks: blocks.map(blockJson),
  };
  return `${JSON.stringify({ ...file, checksum: checksumOf(file) })}\n`;
}

/**
 * A record as it was written.
 *
 * @throws QuantizeError `shard-format` for a file that holds none
 */
export async function readLearned(path: string): Promise<LearnedRecord> {
  const { checksum, ...file } = await readRecord(kind, fileSchema, path);
  if (checksum !== checksumOf(file)) throw malformed(kind, path, 'it is damaged, its checksum does not fit');
  const { basis, shard, of } = file;
  const bad = (reason: string) => malformed(kind, path, reason);
  const blocks = file.blocks.map((block) => blockFrom(block, bad));
  const isWhole = blocks.every(({ at }, i) => at < of && at > (blocks[i - 1]?.at ?? -1));
  if (!isWhole || (!shard && blocks.length < of)) throw bad('it does not have each of its blocks once');
  return { basis, shard, of, blocks };
}

/**
 * Blocks for a run of this basis.
 *
 * @throws QuantizeError where the file is a shard, or of other things
 */
export async function readOwnLearned(path: string, basis: LearnedBasis): Promise<LearnedBlocks> {
  const record = await readLearned(path);
  refuseOther(kind, path, record, basis);
  return record;
}

/** That the numbers of a file are none that a model can be written from. */
export const unfit = (path: string) => malformed(kind, path, 'its numbers do not fit the model');

/**
 * The blocks of all shards in one file: byte for byte that of one run.
 *
 * @throws QuantizeError where a shard is missing or is of another run; every existing file is then as it was
 */
export async function mergeLearnedFiles(inputs: readonly string[], output: string): Promise<LearnedRecord> {
  const parts = await allShards(kind, inputs, readLearned);
  const [{ basis, of }] = parts;
  const blocks = parts.flatMap((part) => [...part.blocks]).sort((a, b) => a.at - b.at);
  if (blocks.length !== of || blocks.some(({ at }, i) => at !== i))
    throw malformed(kind, inputs[0] as string, 'its shards do not have each block once');
  const record: LearnedRecord = { basis, shard: undefined, of, blocks };
  await writeFileWhole(output, serializeLearned(record));
  return record;
}

const checksumOf = (file: object): string => createHash('sha256').update(JSON.stringify(file)).digest('hex');

function blockJson({ at, record, weights, biases, activations }: LearnedBlock): BlockJson {
  const { id } = record;
  const isLeft = 'left' in record;
  return {
    ...{ at, id, left: isLeft ? record.left : undefined },
    errors: isLeft
      ? undefined
      : arrayJson(Float64Array.of(record.before, record.after, ...(record.losses ?? []))),
    weights: [...weights].map(([site, tensor]) => ({
      ...{ site, weight: shapeOf(tensor) },
      parts: Object.fromEntries(partsOf(tensor).map(([name, array]) => [name, arrayJson(array)])),
    })),
    biases: [...biases].map(([owner, bias]) => ({ id: owner, bias: arrayJson(bias) })),
    activations: [...activations].map(([value, { scale, zeroPoint, low, high }]) => ({
      ...{ value, grid: { scale, zeroPoint, low, high } },
    })),
  };
}

function blockFrom(block: BlockJson, bad: (reason: string) => Error): LearnedBlock {
  const { at, id, left, errors } = block;
  const arrayOf = (json: ArrayJson | undefined): Flat | undefined => json && arrayFrom(json, bad);
  const floats = (json: ArrayJson): Float32Array => {
    const array = arrayOf(json);
    if (array instanceof Float32Array) return array;
    throw bad('a bias is of another type');
  };
  const weights = block.weights.map(({ site, weight, parts }) => {
    const part = (name: string) => {
      const array = Object.hasOwn(parts, name) ? arrayOf(parts[name]) : undefined;
      return array instanceof Float64Array ? undefined : array;
    };
    return [site, tensorFrom(weight, part, bad)] as const;
  });
  return {
    at,
    record: recordFrom({ id, left, errors: arrayOf(errors) }, bad),
    weights: new Map(weights),
    biases: new Map(block.biases.map(({ id: owner, bias }) => [owner, floats(bias)])),
    activations: new Map(block.activations.map(({ value, grid }) => [value, grid])),
  };
}

function recordFrom(
  { id, left, errors }: { id: string; left: string | undefined; errors: Flat | undefined },
  bad: (reason: string) => Error,
): RefinedBlock {
  if (left !== undefined) return { id, left };
  const [before, after, ...losses] = errors ?? [];
  if (before === undefined || after === undefined) throw bad(`the errors of "${id}" are missing`);
  return { id, before, after, losses };
}

function arrayJson(array: Flat): ArrayJson {
  const type = array.constructor.name as ArrayJson['type'];
  const { buffer, byteOffset, byteLength } = array;
  return { type, data: Buffer.from(buffer, byteOffset, byteLength).toString('base64') };
}

function arrayFrom({ type, data }: ArrayJson, bad: (reason: string) => Error): Flat {
  // A copy of its own: aligned.
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  if (bytes.byteLength % arrays[type].BYTES_PER_ELEMENT !== 0) throw bad('an array ends amid an element');
  return new arrays[type](bytes.buffer);
}
