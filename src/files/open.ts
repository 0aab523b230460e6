import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { QuantizeError, reasonOf } from '../errors.js';

/** A pipe would wait for its other end; the flag changes nothing for a regular file. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Bytes of one call: the system moves no more than 2^31 − 1 at once. */
const CHUNK_BYTES = 2 ** 30;

/** What tells whether a file is still the one that it was, and as it was. */
export interface Fingerprint {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/** @throws QuantizeError `file-changed` */
export function refuseChanged(path: string, before: Fingerprint, now: Fingerprint): void {
  const isSame =
    before.dev === now.dev &&
    before.ino === now.ino &&
    before.size === now.size &&
    before.mtimeNs === now.mtimeNs;
  if (!isSame) throw new QuantizeError('file-changed', { path });
}

/** What a thing is that is no regular file; undefined for one. */
function oddKindOf(found: Pick<BigIntStats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>) {
  if (found.isFile()) return undefined;
  if (found.isDirectory()) return 'it is a folder';
  if (found.isFIFO()) return 'it is a pipe';
  return found.isSocket() ? 'it is a socket' : 'it is a device';
}

function refuseOdd(path: string, found: BigIntStats): void {
  const reason = oddKindOf(found);
  if (reason) throw new QuantizeError('file-odd', { path, reason });
}

/** What is wrong with a file, in the words of this tool. */
export function fileError(path: string, thrown: unknown): unknown {
  if (thrown instanceof QuantizeError) return thrown;
  const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
  if (isMissing) return new QuantizeError('file-missing', { path }, { cause: thrown });
  return new QuantizeError('file-unreadable', { path, reason: reasonOf(thrown) }, { cause: thrown });
}

/**
 * Work with an open file of a user's. It is looked at before it is opened, since to open a device may already do something,
 * and once more when it is open, since another may have taken its place.
 *
 * @throws QuantizeError `file-missing`, `file-odd` for what is no regular file, or `file-unreadable`
 */
export async function withFile<T>(
  path: string,
  work: (file: FileHandle, found: BigIntStats) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    refuseOdd(path, await stat(path, { bigint: true }));
    file = await open(path, FLAGS);
    const found = await file.stat({ bigint: true });
    refuseOdd(path, found);
    return await work(file, found);
  } catch (thrown) {
    throw fileError(path, thrown);
  } finally {
    await file?.close();
  }
}

/** The bytes of a whole file, and what it was when they were read. */
export interface ReadFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly fingerprint: Fingerprint;
}

/**
 * Read a whole file in one go.
 *
 * @param before - what it was the last time
 * @throws QuantizeError as {@link withFile}, and `file-changed` where somebody writes it meanwhile
 */
export function readWithFingerprint(path: string, before?: Fingerprint): Promise<ReadFile> {
  return withFile(path, async (file, fingerprint) => {
    if (before) refuseChanged(path, before, fingerprint);
    const bytes = new Uint8Array(await file.readFile());
    refuseChanged(path, fingerprint, await file.stat({ bigint: true }));
    return { bytes, fingerprint };
  });
}

/**
 * The bytes of a whole file.
 *
 * @throws QuantizeError as {@link readWithFingerprint}
 */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return (await readWithFingerprint(path)).bytes;
}

/**
 * What is at a path now.
 *
 * @throws QuantizeError `file-missing`, or `file-odd` for what is no regular file
 */
export async function fingerprintOf(path: string): Promise<Fingerprint> {
  return withFile(path, async (_, found) => found);
}

/** Files that are open until nothing holds them any more. */
const unclosed = new FinalizationRegistry<number>((handle) => {
  try {
    closeSync(handle);
  } catch {
    // Nothing waits for this, and nothing was written by it.
  }
});

/** A file that is opened once: whatever takes its place under its name is never read. */
export class HeldFile {
  readonly path: string;
  readonly #handle: number;
  readonly #found: BigIntStats;

  /**
   * @param path - a real path: a link at its end is not followed
   * @throws Error of the system where it cannot be opened
   */
  constructor(path: string) {
    this.path = path;
    this.#handle = openSync(path, FLAGS | (constants.O_NOFOLLOW ?? 0));
    unclosed.register(this, this.#handle);
    this.#found = fstatSync(this.#handle, { bigint: true });
  }

  get sizeBytes(): number {
    return Number(this.#found.size);
  }

  /** Why it is not to be trusted as a file of its folder; undefined where nothing speaks against it. */
  get flaw(): string | undefined {
    const several = 'it has several names (hard links), and the others may stand anywhere; make a copy of it';
    const odd = oddKindOf(this.#found);
    if (odd) return odd;
    if (this.#found.nlink > 1n) return several;
    return this.#isElsewhere ? 'a folder on the way to it became another while it was opened' : undefined;
  }

  /** What the system itself says was opened; only Linux does. */
  get #isElsewhere(): boolean {
    try {
      return readlinkSync(`/proc/self/fd/${this.#handle}`) !== this.path;
    } catch {
      return false;
    }
  }

  /**
   * Read a part of it into a buffer of its own.
   *
   * @throws Error where it cannot be read, QuantizeError `file-changed` where it has changed since it was opened
   */
  read(start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#handle, bytes, done, Math.min(length - done, CHUNK_BYTES), start + done);
      if (count === 0) break;
      done += count;
    }
    refuseChanged(this.path, this.#found, fstatSync(this.#handle, { bigint: true }));
    return bytes;
  }

  /** @throws QuantizeError `file-changed` where its path leads to something else now, or it was written to */
  refuseChanged(): void {
    const now = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!now) throw new QuantizeError('file-changed', { path: this.path });
    refuseChanged(this.path, this.#found, now);
  }
}

/** What kinds of JSON files are told apart by, in bytes. */
const START_BYTES = 64;

/** The first bytes of a file as text. */
export const readStart = (path: string): Promise<string> =>
  withFile(path, async (file) => {
    const { buffer, bytesRead } = await file.read(new Uint8Array(START_BYTES), 0, START_BYTES, 0);
    return new TextDecoder().decode(buffer.subarray(0, bytesRead));
  });
