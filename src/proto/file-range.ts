import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { QuantizeError, reasonOf } from '../errors.js';
import { type FileRange, rawBytesOf, type Tensor } from '../graph/tensor.js';

/** Bytes of one call: the system moves no more than 2^31 − 1 at once. */
const CHUNK_BYTES = 2 ** 30;

/** Where a tensor begins in a file of ours: pages of memory, so that the runtime can map it. */
const ALIGNMENT = 4096;

/**
 * Read a part of a file into a buffer of its own.
 *
 * @throws Error where the file cannot be read, or is shorter
 */
export function readBytes(file: string, start: number, length: number): Uint8Array {
  const handle = openSync(file, 'r');
  try {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(handle, bytes, done, Math.min(length - done, CHUNK_BYTES), start + done);
      if (count === 0) {
        const cut = new Error('it became shorter while it was read');
        throw Object.assign(cut, { code: 'EIO', syscall: 'read', path: file });
      }
      done += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

/** A part of a file that this tool wrote, as the place of a tensor. */
export function ownRange(file: string, start: number, length: number): FileRange {
  const read = () => {
    try {
      return readBytes(file, start, length);
    } catch (thrown) {
      throw new QuantizeError('file-unreadable', { path: file, reason: reasonOf(thrown) }, { cause: thrown });
    }
  };
  return { kind: 'range', file, start, length, read };
}

/**
 * Write the raw bytes of tensors into a new file, one tensor in memory at a time, and flush it to disk.
 *
 * @param tensors - those that `rawBytesOf` has bytes for; one that comes twice is written once
 * @returns where each stands
 * @throws Error where the file is there already or cannot be written
 */
export async function writeRanges(file: string, tensors: Iterable<Tensor>): Promise<Map<Tensor, FileRange>> {
  const ranges = new Map<Tensor, FileRange>();
  const handle = await open(file, 'wx');
  try {
    let end = 0;
    for (const tensor of new Set(tensors)) {
      const bytes = rawBytesOf(tensor);
      if (!bytes) throw new Error(`a tensor of ${tensor.dataType} has no raw bytes`);
      const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      for (let done = 0; done < bytes.byteLength; ) {
        const length = Math.min(bytes.byteLength - done, CHUNK_BYTES);
        done += (await handle.write(bytes, done, length, start + done)).bytesWritten;
      }
      end = start + bytes.byteLength;
      ranges.set(tensor, ownRange(file, start, bytes.byteLength));
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return ranges;
}
