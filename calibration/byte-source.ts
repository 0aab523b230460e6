import { open, readFile, stat } from 'node:fs/promises';
import { QuantizeError, reasonOf } from '../src/errors.js';

/** Bytes that are read where they are asked for: a file, a part of one, or what unpacks from one. */
export interface ByteSource {
  readonly sizeBytes: number;
  /**
   * `length` bytes from `offset` on, both within `sizeBytes`.
   *
   * @throws QuantizeError where the file cannot be read, or has become shorter
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A file is read in pieces of at least this size: small samples that follow one another then cost one read together. */
const READ_AHEAD_BYTES = 2 ** 20;

/**
 * A file that is opened for each read, so that none stays open however long its samples are in use. One piece of
 * 1 MiB, or of what was asked for last, is kept.
 *
 * @throws QuantizeError where there is no such file, or it is a folder
 */
export async function fileBytes(path: string): Promise<ByteSource> {
  const found = await attempt(path, () => stat(path));
  if (!found.isFile()) throw new QuantizeError('file-unreadable', { path, reason: 'it is no file' });
  const sizeBytes = found.size;
  let kept = { start: 0, bytes: new Uint8Array() };
  return {
    sizeBytes,
    async read(offset, length) {
      const { start, bytes } = kept;
      if (offset >= start && offset + length <= start + bytes.length) {
        return bytes.subarray(offset - start, offset - start + length);
      }
      const size = Math.min(Math.max(length, READ_AHEAD_BYTES), sizeBytes - offset);
      const piece = await attempt(path, () => readRange(path, offset, size));
      if (piece.length < length) {
        const reason = 'it has become shorter since it was opened';
        throw new QuantizeError('file-unreadable', { path, reason });
      }
      kept = { start: offset, bytes: piece };
      return piece.subarray(0, length);
    },
  };
}

async function readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

/** Bytes that are in memory already. */
export function memoryBytes(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.byteLength,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** A part of other bytes. */
export function partOf(source: ByteSource, start: number, sizeBytes: number): ByteSource {
  return { sizeBytes, read: (offset, length) => source.read(start + offset, length) };
}

/**
 * The bytes of a whole file.
 *
 * @throws QuantizeError where there is none, or it cannot be read
 */
export function readWhole(path: string): Promise<Uint8Array> {
  return attempt(path, () => readFile(path));
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT')
      throw new QuantizeError('file-missing', { path });
    throw new QuantizeError('file-unreadable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}
