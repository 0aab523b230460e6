import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { removeTemporary, sweepTemporaries, temporaryPath, track, untrack } from '../load/temporary.js';

/** A file that is written, and not at its place yet. */
interface Staged {
  /** As the user named it. */
  readonly path: string;
  /** What the rename replaces: behind links, so that they stay. */
  readonly place: string;
  readonly temporary: string;
}

/**
 * The files of one run. Each is written beside its place under a temporary name and flushed to disk; at the end all are
 * renamed, in their order, in one turn: no signal comes between, and where one rename fails those before it are undone. So
 * the last one, the model's, is the commit.
 */
export class Files {
  readonly #staged: Staged[] = [];
  readonly #swept = new Set<string>();
  readonly #afterwards: (() => Promise<void>)[] = [];

  /**
   * Write a file that is to be at `path`; an existing one keeps its permissions.
   *
   * @throws QuantizeError `file-unwritable`
   */
  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    await unwritable(path, async () => {
      const place = await placeOf(path);
      this.#sweep(dirname(place));
      const temporary = temporaryPath(dirname(place));
      track(temporary);
      this.#staged.push({ path, place, temporary });
      const file = await open(temporary, 'wx');
      try {
        await keepRights(file, place);
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    });
  }

  /**
   * The same for a file that is written and flushed already, on the same file system; it is gone from there afterwards.
   *
   * @throws QuantizeError `file-unwritable`
   */
  async move(path: string, from: string): Promise<void> {
    await unwritable(path, async () => {
      const place = await placeOf(path);
      const file = await open(from, 'r+');
      try {
        await keepRights(file, place);
      } finally {
        await file.close();
      }
      this.#staged.push({ path, place, temporary: from });
    });
  }

  /** Something to do once the files are at their places; it changes no result where it fails. */
  afterwards(work: () => Promise<void>): void {
    this.#afterwards.push(work);
  }

  /**
   * Put all files at their places.
   *
   * @throws QuantizeError `file-unwritable`; all files are then as they were
   */
  async finish(): Promise<void> {
    this.#rename();
    for (const work of this.#afterwards) await work().catch(() => {});
  }

  #rename(): void {
    const kept: Kept[] = [];
    const last = this.#staged.at(-1);
    for (const file of this.#staged) {
      try {
        if (file !== last) kept.push(keep(file.place));
        else for (const folder of foldersOf(kept)) syncFolder(folder);
        renameSync(file.temporary, file.place);
      } catch (thrown) {
        for (const each of kept.reverse()) putBack(each);
        throw unwritableError(file.path, thrown);
      }
    }
    if (last) syncFolder(dirname(last.place));
    for (const { copy } of kept) if (copy) removeTemporary(copy);
  }

  /** Remove what was not put at its place. */
  discard(): void {
    for (const { temporary } of this.#staged) removeTemporary(temporary);
  }

  #sweep(folder: string): void {
    if (this.#swept.has(folder)) return;
    this.#swept.add(folder);
    sweepTemporaries(folder);
  }
}

/**
 * Write the files of a run together: they are all there once `work` is done, or none of them where it fails.
 *
 * @param work - writes them, the one that tells whether the others count as the last
 * @throws QuantizeError `file-unwritable`; all files are then as they were
 */
export async function withCommit<T>(work: (files: Files) => Promise<T>): Promise<T> {
  const files = new Files();
  try {
    const given = await work(files);
    await files.finish();
    return given;
  } finally {
    files.discard();
  }
}

/**
 * The file that an output replaces: what a link leads to, be it there already or not.
 *
 * @throws Error where its folder is not there, or links lead in a circle
 */
export async function placeOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    const folder = await realpath(dirname(path));
    const target = await readlink(path).catch(() => undefined);
    return target === undefined ? join(folder, basename(path)) : placeOf(resolve(folder, target));
  }
}

const unwritableError = (path: string, thrown: unknown) =>
  new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });

async function unwritable(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    throw unwritableError(path, thrown);
  }
}

/** The permissions of what is replaced, and its owner where this user may set one. */
async function keepRights(file: FileHandle, place: string): Promise<void> {
  const [before, now]: (Stats | undefined)[] = [await stat(place).catch(() => undefined), await file.stat()];
  if (!before?.isFile() || !now) return;
  if (before.uid !== now.uid || before.gid !== now.gid)
    await file.chown(before.uid, before.gid).catch(() => {});
  await file.chmod(before.mode & 0o777);
}

/** What was at a place before, under another name; nothing where nothing was. */
interface Kept {
  readonly place: string;
  readonly copy: string | undefined;
}

function keep(place: string): Kept {
  const copy = temporaryPath(dirname(place));
  track(copy);
  try {
    linkSync(place, copy);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
      untrack(copy);
      return { place, copy: undefined };
    }
    // A file system without hard links.
    try {
      copyFileSync(place, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (failure) {
      removeTemporary(copy);
      throw failure;
    }
  }
  return { place, copy };
}

function putBack({ place, copy }: Kept): void {
  try {
    if (copy) renameSync(copy, place);
    else rmSync(place, { force: true });
    // Two names of one file: the rename has left both.
    if (copy) removeTemporary(copy);
  } catch {
    // The failure that led here is the one to be told; the copy stays.
    if (copy) untrack(copy);
  }
}

const foldersOf = (kept: readonly Kept[]): Set<string> => new Set(kept.map(({ place }) => dirname(place)));

/** Flush the names in a folder, so that a rename outlives a loss of power. Not every system can. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // The rename is done all the same.
  }
}
