import { createHash } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { initializersOf, mapInitializers } from '../graph/all-tensors.js';
import { bitsOf } from '../graph/data-type.js';
import type { Graph, Model } from '../graph/model.js';
import { type FileRange, type Tensor, tensorBytes } from '../graph/tensor.js';
import type { Limits } from '../load/limits.js';
import { withTemporaryFolder } from '../load/temporary-folder.js';
import { EXTERNAL_FROM_BYTES, encodedBytes } from '../load/with-model.js';
import { decodeModel } from '../proto/decode.js';
import { encodeModel } from '../proto/encode.js';
import { ownRange, writeRanges } from '../proto/file-range.js';
import type { ReportedPlan } from '../quantize/plan.js';
import { collectGarbage } from '../runtime/collect-garbage.js';
import { checkBytes } from './check-model.js';
import type { EmittedModel } from './emit-model.js';
import { writeFileWhole } from './write-file.js';

/** A model as it will be in its file, which is not there yet. */
export interface WrittenModel {
  /** What its users' sessions are made from: the bytes of the .onnx file, or its path. */
  readonly source: Uint8Array | string;
  /** Where the source is a path, the large tensors of this model are ranges of what was written. */
  readonly emitted: EmittedModel;
  readonly plan: ReportedPlan;
  /** Of all files. */
  readonly sizeBytes: number;
  /** Of the .onnx file. */
  readonly sha256: string;
  /**
   * Put the files where they belong.
   *
   * @throws QuantizeError `file-unwritable`; existing files are then as they were
   */
  commit(): Promise<void>;
}

/** The second file of a model that does not fit into one. */
export const dataPathOf = (output: string): string => `${output}.data`;

/** A model to write, and what of its plan a report wants: the plan itself holds all weights. */
export interface Emission {
  readonly emitted: EmittedModel;
  readonly plan: ReportedPlan;
}

/** Where and how a model is written. */
export interface WriteSettings {
  /** Path that `commit` puts the model at. */
  readonly output: string;
  /** Whether the model goes to disk before it is evaluated, so that it need not be held in memory. */
  readonly onDisk: boolean;
  readonly limits: Limits;
}

/**
 * Write a model, and check what was written with a second decoder: in memory, or into a folder of its own beside the
 * output, which is removed at the end, whatever happens.
 *
 * On disk, a model that does not fit into one .onnx file gets a second one: its tensors, each at the beginning of a page.
 *
 * @param emit - gives the model; it is not held beyond this call
 * @param work - gets the written model, and commits it
 * @throws QuantizeError `file-unwritable` or `written-file-broken`
 */
export async function withWritten<T>(
  emit: () => Promise<Emission>,
  settings: WriteSettings,
  work: (written: WrittenModel) => Promise<T>,
): Promise<T> {
  const { output } = settings;
  if (!settings.onDisk) return work(writeInMemory(await emit(), output));
  const prefix = join(dirname(output), `.${basename(output)}.`);
  return withTemporaryFolder(prefix, async (folder) => {
    const written = await writeToDisk(await emit(), folder, settings);
    collectGarbage();
    return work(written);
  });
}

function writeInMemory({ emitted, plan }: Emission, output: string): WrittenModel {
  const bytes = encodeModel(emitted.model);
  checkBytes(bytes, emitted.model);
  return {
    source: bytes,
    emitted,
    plan,
    sizeBytes: bytes.byteLength,
    sha256: sha256Of(bytes),
    commit: () => writeFileWhole(output, bytes),
  };
}

async function writeToDisk(
  { emitted, plan }: Emission,
  folder: string,
  { output, limits }: WriteSettings,
): Promise<WrittenModel> {
  const path = join(folder, basename(output));
  const written = await writeFiles(emitted.model, path, output, limits);
  const { model, sizeBytes, sha256, hasData } = written;
  const commit = commitOf(output, path, hasData);
  return { source: path, emitted: { model, codes: emitted.codes }, plan, sizeBytes, sha256, commit };
}

async function writeFiles(model: Model, path: string, output: string, limits: Limits) {
  const dataPath = dataPathOf(path);
  const hasData = encodedBytes(model, () => true) > limits.fileBytes;
  const ranges = hasData
    ? await guard(output, () => writeRanges(dataPath, [...initializersOf(model.graph)].filter(canMove)))
    : new Map<Tensor, FileRange>();
  const location = basename(dataPath);
  const bytes = encodeModel(model, (tensor) => {
    const range = ranges.get(tensor);
    return range && { location, offset: range.start, length: range.length };
  });
  checkBytes(bytes, model, dirname(path));
  await guard(output, () => writeSynced(path, bytes));

  const inFile = hasData ? ranges : rangesIn(bytes, path, model.graph, limits.heldBytes);
  const graph = mapInitializers(model.graph, (tensor) => {
    const range = inFile.get(tensor);
    return range ? { ...tensor, storage: range } : tensor;
  });
  const dataBytes = hasData ? (await stat(dataPath)).size : 0;
  const sizeBytes = bytes.byteLength + dataBytes;
  return { model: { ...model, graph }, sizeBytes, sha256: sha256Of(bytes), hasData };
}

/** A function of its own: a closure keeps all that any closure beside it sees, and that would be the whole model. */
function commitOf(output: string, path: string, hasData: boolean): () => Promise<void> {
  return () => guard(output, () => moveInto(output, path, hasData ? dataPathOf(path) : undefined));
}

const canMove = (tensor: Tensor): boolean =>
  (tensor.storage.kind === 'raw' || tensor.storage.kind === 'range') &&
  tensorBytes(tensor) >= EXTERNAL_FROM_BYTES;

/** Where the tensors of a graph stand in its .onnx file. Only those of bytes: others need not be aligned there. */
function rangesIn(bytes: Uint8Array, path: string, graph: Graph, fromBytes: number): Map<Tensor, FileRange> {
  const ranges = new Map<Tensor, FileRange>();
  for (const [name, { storage }] of decodeModel(bytes).graph.initializers) {
    const tensor = graph.initializers.get(name);
    if (tensor?.storage.kind !== 'raw' || storage.kind !== 'raw') continue;
    const { byteLength, byteOffset } = storage.bytes;
    if (byteLength < fromBytes || (bitsOf(tensor.dataType) ?? 0) > 8) continue;
    ranges.set(tensor, ownRange(path, byteOffset - bytes.byteOffset, byteLength));
  }
  return ranges;
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The .onnx file comes last: its rename is the commit, and where it fails the data file is put back as it was. */
async function moveInto(output: string, path: string, dataPath: string | undefined): Promise<void> {
  if (!dataPath) return rename(path, output);
  const target = dataPathOf(output);
  const previous = `${dataPath}.previous`;
  const existed = await rename(target, previous).then(
    () => true,
    (thrown) => {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw thrown;
    },
  );
  try {
    await rename(dataPath, target);
    await rename(path, output);
  } catch (thrown) {
    await (existed ? rename(previous, target) : rm(target, { force: true }));
    throw thrown;
  }
}

async function guard<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

/** SHA-256, in hexadecimal digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
