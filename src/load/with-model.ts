import { dirname, join, parse, relative, sep } from 'node:path';
import { initializersOf, mapInitializers } from '../graph/all-tensors.js';
import type { Model } from '../graph/model.js';
import { type FileRange, type Tensor, tensorBytes } from '../graph/tensor.js';
import { encodeModel } from '../proto/encode.js';
import { encodeApart } from '../proto/encode-apart.js';
import { writeRanges } from '../proto/file-range.js';
import { type ModelInMemory, type Session, type SessionSettings, withSession } from '../runtime/session.js';
import { defaultLimits } from './limits.js';
import { withScratch } from './temporary.js';

/** Tensors below this stay in the .onnx file: the default of `onnx.save_model`. */
export const EXTERNAL_FROM_BYTES = 1024;

/**
 * Work with a session of a model in memory. Tensors that stand in files are not read into the message: the runtime
 * maps them from where they are. What is in memory and too large for one message goes to a temporary file first.
 *
 * @param messageBytes - the largest message
 * @throws QuantizeError `runtime-refused`, with the runtime's own reason
 */
export async function withModel<T>(
  model: Model,
  settings: SessionSettings,
  work: (session: Session) => Promise<T>,
  messageBytes = defaultLimits.fileBytes,
): Promise<T> {
  return withLoadable(
    model,
    ({ encoded, dataFolder, check }) =>
      withSession(encoded, { ...settings, dataFolder }, (session) => {
        check();
        return work(session);
      }),
    messageBytes,
  );
}

/** A model as sessions are made of it. */
export interface Loadable {
  readonly encoded: Uint8Array | ModelInMemory;
  /** The folder that its tensors' files are in, where they stand in any. */
  readonly dataFolder: string | undefined;
  /**
   * To be called once the runtime has opened the files by their names.
   *
   * @throws QuantizeError where one is another than it was
   */
  readonly check: () => void;
}

/** The same for any number of sessions, wherever they are made; what is written for it is there as long as `work` takes. */
export async function withLoadable<T>(
  model: Model,
  work: (loadable: Loadable) => Promise<T>,
  messageBytes = defaultLimits.fileBytes,
): Promise<T> {
  if (encodedBytes(model, (tensor) => rangeOf(tensor) === undefined) <= messageBytes) {
    return work(loadableOf(model));
  }
  return withScratch(async (folder) => {
    const ranges = await writeRanges(join(folder, 'data'), [...initializersOf(model.graph)].filter(canMove));
    const graph = mapInitializers(model.graph, (tensor) => {
      const range = ranges.get(tensor);
      return range ? { ...tensor, storage: range } : tensor;
    });
    return work(loadableOf({ ...model, graph }));
  });
}

/** Whether a tensor that is held in memory could stand in a file. */
const canMove = (tensor: Tensor): boolean =>
  tensor.storage.kind === 'raw' && tensor.storage.bytes.byteLength >= EXTERNAL_FROM_BYTES;

function loadableOf(model: Model): Loadable {
  const files = [...initializersOf(model.graph)].flatMap((tensor) => rangeOf(tensor)?.file ?? []);
  if (files.length === 0) return { encoded: encodeApart(model), dataFolder: undefined, check: () => {} };
  const folder = commonFolder(files);
  const encoded = encodeModel(model, (tensor) => {
    const range = rangeOf(tensor);
    return (
      range && {
        location: relative(folder, range.file).replaceAll(sep, '/'),
        offset: range.start,
        length: range.length,
      }
    );
  });
  const check = () => {
    for (const tensor of initializersOf(model.graph)) rangeOf(tensor)?.refuseChanged?.();
  };
  return { encoded, dataFolder: folder, check };
}

function rangeOf({ storage }: Tensor): FileRange | undefined {
  return storage.kind === 'range' ? storage : undefined;
}

/** The innermost folder that all files are in: the runtime takes locations in one folder only. */
function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? '');
  const { root } = parse(folder);
  for (const file of files) {
    const isInside = () => file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
    while (!isInside() && folder !== root) folder = dirname(folder);
  }
  return folder;
}

/**
 * Size of a .onnx file in which the tensors chosen stand and all others do not, in bytes; from above, since a tensor
 * that is left out takes more than the frame of one that is not.
 *
 * @param isInside - whether the elements of an initializer stand in the file
 */
export function encodedBytes(model: Model, isInside: (tensor: Tensor) => boolean): number {
  const outside = { location: '', offset: 0, length: 0 };
  let size = encodeModel(model, (tensor) => (isRaw(tensor) ? outside : undefined)).byteLength;
  for (const tensor of initializersOf(model.graph)) {
    if (isRaw(tensor) && isInside(tensor)) size += tensorBytes(tensor);
  }
  return size;
}

const isRaw = ({ storage }: Tensor): boolean => storage.kind === 'raw' || storage.kind === 'range';
