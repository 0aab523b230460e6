import { constants as bufferLimits } from 'node:buffer';
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { HeldFile } from '../files/open.js';
import { type Graph, type Model, subgraphsOf } from '../graph/model.js';
import { type Tensor, type TensorStorage, tensorBytes } from '../graph/tensor.js';
import { EXTERNAL_LOCATION } from '../proto/messages.js';
import { defaultLimits } from './limits.js';

/** The files beside a model that its tensors were read from. */
export interface ExternalData {
  /** Real paths. */
  readonly files: readonly string[];
  /** Bytes of these files that belong to tensors; what two tensors share counts once. */
  readonly sizeBytes: number;
  /** @throws QuantizeError `file-changed` where one of the files is another than the one that was opened */
  refuseChanged(): void;
}

type External = Extract<TensorStorage, { kind: 'external' }>;

/** A tensor in another file, and the place in the model where it goes. */
interface Slot {
  readonly name: string;
  readonly tensor: Tensor;
  readonly storage: External;
  replace(tensor: Tensor): void;
}

/** Where the elements of one tensor stand, in bytes from the beginning of a file. */
interface Range {
  readonly slot: Slot;
  readonly start: number;
  readonly length: number;
}

/**
 * Find the tensors that stand in other files (external data), and read the small ones: all tensors of the model have
 * their elements at hand then, the large ones as ranges that are read whenever a step asks for them. So the weights of a
 * model are never in memory all at once. The format: onnx.proto, TensorProto.external_data; the checksum is not looked
 * at, as in onnxruntime.
 *
 * - A location is a path relative to the folder of the model, and leads to a regular file in it, or in the folder that
 *   the model file itself is linked from.
 * - A range lies within its file and has as many bytes as the shape needs; without a length it goes to the end.
 * - Nothing is read before all ranges are known to be right.
 *
 * @param path - the .onnx file
 * @param heldBytes - size from which on a tensor stays a range
 * @throws QuantizeError where one of the rules is broken, or a file cannot be read
 */
export async function readExternalData(
  path: string,
  model: Model,
  heldBytes = defaultLimits.heldBytes,
): Promise<ExternalData> {
  refuseElsewhere(path, model);
  const slots = [...externalTensors(model.graph)];
  if (slots.length === 0) return { files: [], sizeBytes: 0, refuseChanged: () => {} };

  const folders = await Promise.all([realpath(dirname(path)), realpath(path).then(dirname)]);
  const opened = new Map<string, HeldFile>();
  const byFile = new Map<HeldFile, Range[]>();
  for (const slot of slots) {
    const real = await locate(path, slot, folders);
    const file = opened.get(real) ?? openFile(path, slot, real);
    opened.set(real, file);
    const range = rangeOf(path, slot, file.sizeBytes);
    refuseHuge(path, range);
    const inFile = byFile.get(file);
    if (inFile) inFile.push(range);
    else byFile.set(file, [range]);
  }
  for (const [file, inFile] of byFile) {
    for (const range of inFile) {
      const { slot, start, length } = range;
      const read = () => readRange(path, file, range);
      const isHeld = length < heldBytes;
      // What cannot be read is refused now, not an hour later.
      if (!isHeld) readRange(path, file, { slot, start: start + length - 1, length: 1 });
      const storage: TensorStorage = isHeld
        ? { kind: 'raw', bytes: read() }
        : { kind: 'range', file: file.path, start, length, read, refuseChanged: () => file.refuseChanged() };
      slot.replace(stored(slot.tensor, storage));
    }
  }
  const sizeBytes = [...byFile.values()].reduce((sum, inFile) => sum + union(inFile), 0);
  const refuseChanged = () => {
    for (const file of opened.values()) file.refuseChanged();
  };
  return { files: [...opened.keys()], sizeBytes, refuseChanged };
}

function* externalTensors(graph: Graph): Generator<Slot> {
  for (const [name, tensor] of graph.initializers) {
    const { storage } = tensor;
    if (storage.kind !== 'external') continue;
    yield { name, tensor, storage, replace: (read) => graph.initializers.set(name, read) };
  }
  for (const node of graph.nodes) {
    for (const [key, found] of node.attributes) {
      if (found.kind !== 'tensor' || found.value.storage.kind !== 'external') continue;
      const { value: tensor } = found;
      const replace = (value: Tensor) => node.attributes.set(key, { ...found, value });
      yield { name: node.id, tensor, storage: found.value.storage, replace };
    }
    for (const subgraph of subgraphsOf(node)) yield* externalTensors(subgraph);
  }
}

/** Only dense tensors of the graph are read: others would be left pointing out of the file that is written. */
function refuseElsewhere(path: string, model: Model): void {
  if (hasExternal(model.carried)) throw new QuantizeError('external-elsewhere', { path });
  const visit = (graph: Graph): void => {
    if (hasExternal(graph.carried)) throw new QuantizeError('external-elsewhere', { path });
    for (const node of graph.nodes) {
      for (const { carried } of node.attributes.values()) {
        if (hasExternal(carried)) throw new QuantizeError('external-elsewhere', { path });
      }
      subgraphsOf(node).forEach(visit);
    }
  };
  visit(model.graph);
}

function hasExternal(message: unknown): boolean {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return false;
  if ((message as { data_location?: number }).data_location === EXTERNAL_LOCATION) return true;
  return Object.values(message).some(hasExternal);
}

const refuse = (
  code: 'external-unreadable' | 'external-range',
  path: string,
  { name, storage }: Slot,
  reason: string,
  cause?: unknown,
) => new QuantizeError(code, { path, tensor: name, location: storage.location, reason }, { cause });

const outside = (path: string, { name, storage }: Slot) =>
  new QuantizeError('external-outside', { path, tensor: name, location: storage.location });

/** The file that a location leads to, once it is known to be one that belongs to the model. */
async function locate(path: string, slot: Slot, folders: readonly string[]): Promise<string> {
  const { location } = slot.storage;
  if (location === '' || isAbsolute(location) || isOutside(normalize(location))) {
    throw outside(path, slot);
  }
  let file: string;
  try {
    file = await realpath(join(dirname(path), location));
  } catch (thrown) {
    const missing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    throw refuse('external-unreadable', path, slot, missing ? 'it is not there' : reasonOf(thrown), thrown);
  }
  if (folders.every((folder) => isOutside(relative(folder, file)))) {
    throw outside(path, slot);
  }
  return file;
}

/** Open what a location led to, once: it is checked and read by this handle, whatever its name leads to later. */
function openFile(path: string, slot: Slot, real: string): HeldFile {
  let file: HeldFile;
  try {
    file = new HeldFile(real);
  } catch (thrown) {
    throw refuse('external-unreadable', path, slot, reasonOf(thrown), thrown);
  }
  if (file.flaw) throw refuse('external-unreadable', path, slot, file.flaw);
  return file;
}

/** Whether a relative path leaves the folder that it starts in; from one drive to another it is absolute. */
function isOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

function rangeOf(path: string, slot: Slot, fileBytes: number): Range {
  const { tensor, storage } = slot;
  const misfit = (reason: string) => refuse('external-range', path, slot, reason);
  if (tensor.dataType === 'string') throw misfit('strings do not stand in other files');
  const bytesOf = (key: 'offset' | 'length', absent: number): number => {
    const text = storage[key] ?? String(absent);
    if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw misfit(`its ${key} "${text}" is no number of bytes`);
  };
  const start = bytesOf('offset', 0);
  if (start > fileBytes) throw misfit(`its offset ${start} is beyond the end at ${fileBytes}`);
  const length = bytesOf('length', fileBytes - start);
  if (start + length > fileBytes) throw misfit(`it would end at ${start + length}, the file at ${fileBytes}`);
  const needed = tensorBytes(tensor);
  if (length !== needed) throw misfit(`it has ${length} bytes there where its shape needs ${needed}`);
  return { slot, start, length };
}

/** A tensor that no buffer of this Node.js holds. */
function refuseHuge(path: string, { slot, length }: Range): void {
  if (length <= bufferLimits.MAX_LENGTH) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(2);
  const facts = {
    path,
    tensor: slot.name,
    size: gigabytes(length),
    limit: gigabytes(bufferLimits.MAX_LENGTH),
  };
  throw new QuantizeError('tensor-too-large', facts);
}

function readRange(path: string, file: HeldFile, { slot, start, length }: Range): Uint8Array {
  try {
    return file.read(start, length);
  } catch (thrown) {
    if (thrown instanceof QuantizeError) throw thrown;
    throw refuse('external-unreadable', path, slot, reasonOf(thrown), thrown);
  }
}

function stored(tensor: Tensor, storage: TensorStorage): Tensor {
  const { external_data, data_location, ...carried } = tensor.carried ?? {};
  return { ...tensor, storage, carried };
}

/** Bytes that the ranges cover together. */
function union(ranges: readonly Range[]): number {
  let [covered, end] = [0, 0];
  for (const { start, length } of ranges.toSorted((a, b) => a.start - b.start)) {
    covered += Math.max(0, start + length - Math.max(start, end));
    end = Math.max(end, start + length);
  }
  return covered;
}
