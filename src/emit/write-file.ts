import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { placeOf, withCommit } from './commit.js';

/**
 * Write a file so that it is there whole or not at all.
 *
 * @throws QuantizeError `file-unwritable`; an existing file is then as it was
 */
export async function writeFileWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  await withCommit((files) => files.write(path, bytes));
}

/**
 * Make the folder of an output where there is none, and refuse one before any work is done: the input itself, under whatever name, what is no regular file, or a folder
 * that cannot be written.
 *
 * @throws QuantizeError `output-is-input` or `file-unwritable`
 */
export async function checkOutput(input: string, output: string): Promise<void> {
  try {
    await mkdir(dirname(output), { recursive: true });
    await access(dirname(await placeOf(output)), constants.W_OK);
  } catch (thrown) {
    throw new QuantizeError('file-unwritable', { path: output, reason: reasonOf(thrown) }, { cause: thrown });
  }
  const existing = await stat(output, { bigint: true }).catch(() => undefined);
  if (existing && !existing.isFile()) {
    const reason = existing.isDirectory() ? 'it is a folder' : 'it is no regular file';
    throw new QuantizeError('file-unwritable', { path: output, reason });
  }
  const read = await stat(input, { bigint: true }).catch(() => undefined);
  // By what it is and not by its path: a file may have several names.
  if (read && existing && read.dev === existing.dev && read.ino === existing.ino)
    throw new QuantizeError('output-is-input', { path: output });
}
