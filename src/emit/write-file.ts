import { open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';

/**
 * Write a file so that it is there whole or not at all: a temporary name in the same folder, flushed to disk, renamed.
 *
 * @throws QuantizeError `file-unwritable`; an existing file is then as it was
 */
export async function writeFileWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw new QuantizeError('file-unwritable', { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
}

/**
 * Refuse an output that is the input, under whatever name.
 *
 * @throws QuantizeError `output-is-input`
 */
export async function refuseSameFile(input: string, output: string): Promise<void> {
  const real = async (path: string) => realpath(path).catch(() => undefined);
  const [from, to] = [await real(input), await real(output)];
  if (from !== undefined && from === to) throw new QuantizeError('output-is-input', { path: output });
}
