import { QuantizeError } from '../src/errors.js';
import { type Fingerprint, fingerprintOf, refuseChanged, withFile } from '../src/files/open.js';

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
 * A file that is opened for each read, so that none stays open however long its samples are in use; it must be the same
 * each time. One piece of 1 MiB, or of what was asked for last, is kept.
 *
 * @throws QuantizeError where there is no such file, or it is no regular one; from a read, where it has changed
 */
export async function fileBytes(path: string): Promise<ByteSource> {
  const before = await fingerprintOf(path);
  const sizeBytes = Number(before.size);
  let kept = { start: 0, bytes: new Uint8Array() };
  return {
    sizeBytes,
    async read(offset, length) {
      const { start, bytes } = kept;
      if (offset >= start && offset + length <= start + bytes.length) {
        return bytes.subarray(offset - start, offset - start + length);
      }
      const size = Math.min(Math.max(length, READ_AHEAD_BYTES), sizeBytes - offset);
      const piece = await readRange(path, before, offset, size);
      kept = { start: offset, bytes: piece };
      return piece.subarray(0, length);
    },
  };
}

function readRange(
  path: string,
  before: Fingerprint,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(path, async (file, found) => {
    refuseChanged(path, before, found);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new QuantizeError('file-changed', { path });
      done += bytesRead;
    }
    return bytes;
  });
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
