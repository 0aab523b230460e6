import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { initializersOf, mapInitializers } from '../graph/all-tensors.js';
import { bitsOf } from '../graph/data-type.js';
import type { Graph, Model } from '../graph/model.js';
import { type FileRange, type Tensor, tensorBytes } from '../graph/tensor.js';
import type { Limits } from '../load/limits.js';
import { withTemporaryFolder } from '../load/temporary.js';
import { EXTERNAL_FROM_BYTES, encodedBytes } from '../load/with-model.js';
import { decodeModel } from '../proto/decode.js';
import { encodeModel } from '../proto/encode.js';
import { ownRange, writeRanges } from '../proto/file-range.js';
import type { ReportedPlan } from '../quantize/plan.js';
import { collectGarbage } from '../runtime/collect-garbage.js';
import { checkBytes } from './check-model.js';
import { type Files, placeOf } from './commit.js';
import type { EmittedModel } from './emit-model.js';

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
   * Add its files to those that a run puts at their places together, the .onnx file as the last.
   *
   * @throws QuantizeError `file-unwritable`
   */
  addTo(files: Files): Promise<void>;
}

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
  const place = await guard(output, () => placeOf(output));
  return withTemporaryFolder(dirname(place), async (folder) => {
    const written = await writeToDisk(await emit(), join(folder, basename(place)), settings);
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
    addTo: async (files) => {
      await dropOldData(files, output);
      await files.write(output, bytes);
    },
  };
}

async function writeToDisk(
  { emitted, plan }: Emission,
  path: string,
  { output, limits }: WriteSettings,
): Promise<WrittenModel> {
  const written = await writeFiles(emitted.model, path, output, limits);
  const { model, sizeBytes, sha256, dataPath } = written;
  const addTo = movingFrom(output, path, dataPath);
  return { source: path, emitted: { model, codes: emitted.codes }, plan, sizeBytes, sha256, addTo };
}

async function writeFiles(model: Model, path: string, output: string, limits: Limits) {
  const hasData = encodedBytes(model, () => true) > limits.fileBytes;
  const data = hasData ? await guard(output, () => writeData(model, path)) : undefined;
  const bytes = encodeModel(model, (tensor) => {
    const range = data?.ranges.get(tensor);
    return data && range && { location: basename(data.path), offset: range.start, length: range.length };
  });
  checkBytes(bytes, model, dirname(path));
  await guard(output, () => writeSynced(path, bytes));

  const inFile = data?.ranges ?? rangesIn(bytes, path, model.graph, limits.heldBytes);
  const graph = mapInitializers(model.graph, (tensor) => {
    const range = inFile.get(tensor);
    return range ? { ...tensor, storage: range } : tensor;
  });
  const sizeBytes = bytes.byteLength + (data?.sizeBytes ?? 0);
  return { model: { ...model, graph }, sizeBytes, sha256: sha256Of(bytes), dataPath: data?.path };
}

/**
 * The tensors of a model in a file that is named by its content: a new .onnx file and its data never share a name with the
 * old ones, so that the rename of the .onnx file alone takes the place of both.
 */
async function writeData(model: Model, path: string) {
  const unnamed = `${path}.data`;
  const ranges = await writeRanges(unnamed, [...initializersOf(model.graph)].filter(canMove));
  const hash = createHash('sha256');
  for await (const part of createReadStream(unnamed)) hash.update(part as Buffer);
  const named = join(
    dirname(path),
    `${stemOf(path)}-${hash.digest('hex').slice(0, DATA_DIGITS)}${DATA_ENDING}`,
  );
  await rename(unnamed, named);
  const moved = new Map(
    [...ranges].map(([tensor, { start, length }]) => [tensor, ownRange(named, start, length)]),
  );
  return { path: named, ranges: moved, sizeBytes: (await stat(named)).size };
}

/** 64 bits: two files of one model that differ never share them by chance. */
const DATA_DIGITS = 16;
const DATA_ENDING = '.onnx.data';

/** What such a file is called; the group is the name of the model. */
export const DATA_NAME = new RegExp(`^(.*)-[0-9a-f]{${DATA_DIGITS}}\\.onnx\\.data$`);

const stemOf = (path: string): string => basename(path).replace(/\.onnx$/i, '');

/** A function of its own: a closure keeps all that any closure beside it sees, and that would be the whole model. */
function movingFrom(output: string, path: string, dataPath: string | undefined): WrittenModel['addTo'] {
  return async (files) => {
    const place = await guard(output, () => placeOf(output));
    await dropOldData(files, output);
    if (dataPath) {
      await guard(output, () => refuseElsewhere(output, place));
      await files.move(join(dirname(place), basename(dataPath)), dataPath);
    }
    await files.move(output, path);
  };
}

/** Through a link into another folder nobody would find the data beside the file. */
async function refuseElsewhere(output: string, place: string): Promise<void> {
  if ((await realpath(dirname(output))) === dirname(place)) return;
  throw new Error('it is a link into another folder, where its second file would not be found');
}

/** A .onnx file that has its tensors elsewhere is far below this. */
const MOST_NAMING_BYTES = 2 ** 28;

/**
 * Once the files are at their places, remove the data of the model that was there before: what its .onnx file named, as
 * this tool names it for this output, and no other .onnx file of the folder names.
 */
async function dropOldData(files: Files, output: string): Promise<void> {
  const place = await guard(output, () => placeOf(output));
  const folder = dirname(place);
  const old = await dataNamedIn(place);
  if (old.size === 0) return;
  files.afterwards(async () => {
    for (const name of await readdir(folder)) {
      if (!name.toLowerCase().endsWith('.onnx')) continue;
      const path = join(folder, name);
      // What is too large to look into may name any of them.
      if ((await stat(path)).size > MOST_NAMING_BYTES) return;
      for (const named of await dataNamedIn(path, place)) old.delete(named);
    }
    for (const name of old) await rm(join(folder, name), { force: true });
  });
}

/** The data files of the output `of` that a .onnx file names. */
async function dataNamedIn(path: string, of = path): Promise<Set<string>> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size > MOST_NAMING_BYTES) return new Set();
  const text = (await readFile(path)).toString('latin1');
  const stem = Buffer.from(stemOf(of))
    .toString('latin1')
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const names = text.matchAll(new RegExp(`${stem}-[0-9a-f]{${DATA_DIGITS}}\\.onnx\\.data`, 'g'));
  return new Set([...names].map(([name]) => Buffer.from(name, 'latin1').toString()));
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

async function guard<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

/** SHA-256, in hexadecimal digits. */
function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
