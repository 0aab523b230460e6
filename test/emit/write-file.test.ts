import { link, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkOutput, writeFileWhole } from '../../src/emit/write-file.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('writing a file whole', () => {
  it('makes it, or puts it in the place of another', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'model.onnx');
    await writeFileWhole(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeFileWhole(path, 'text');
    expect(await readFile(path, 'utf8')).toBe('text');
    expect(await readdir(folder)).toEqual(['model.onnx']);
  });

  it('never writes into the old file: who has it open still reads it whole', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'model.onnx');
    await writeFile(path, 'old');
    const { ino } = await stat(path);
    await link(path, join(folder, 'kept'));
    await writeFileWhole(path, 'new');
    expect((await stat(path)).ino).not.toBe(ino);
    expect(await readFile(join(folder, 'kept'), 'utf8')).toBe('old');
  });

  it('leaves what is there, and nothing else, where the rename fails', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'model.onnx');
    // A folder with something in it cannot be replaced by a file.
    await mkdir(path);
    await writeFile(join(path, 'inside'), 'old');
    const error = await expectRefusal(() => writeFileWhole(path, 'new'), 'file-unwritable', 3);
    expect(error.facts.path).toBe(path);
    expect(await readdir(folder)).toEqual(['model.onnx']);
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('old');
  });

  it('leaves nothing where the folder is missing, or is a file', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'file'), 'old');
    for (const parent of ['missing', 'file']) {
      const error = await expectRefusal(
        () => writeFileWhole(join(folder, parent, 'model.onnx'), 'new'),
        'file-unwritable',
        3,
      );
      expect(error.facts.reason).toMatch(/^ENO(ENT|TDIR)/);
    }
    expect(await readdir(folder)).toEqual(['file']);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('old');
  });

  it('is not held up by what an earlier run left behind, and leaves it alone', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'model.onnx');
    const stranger = join(folder, `.model.onnx.${process.pid}.tmp`);
    await writeFile(stranger, 'of another');
    await writeFileWhole(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readFile(stranger, 'utf8')).toBe('of another');
  });

  it('refuses a folder as output before any work is done', async () => {
    await expectRefusal(() => checkOutput('model.onnx', temporaryFolder()), 'file-unwritable', 3);
  });
});

describe('an output', () => {
  it('that is the input is refused, under whatever name', async () => {
    const folder = temporaryFolder();
    const input = join(folder, 'model.onnx');
    await writeFile(input, 'model');
    await symlink(input, join(folder, 'link.onnx'));
    await symlink(folder, join(folder, 'way'));
    const names = [
      input,
      join(folder, '.', 'model.onnx'),
      join(folder, 'link.onnx'),
      join(folder, 'way', 'model.onnx'),
    ];
    for (const output of names) {
      await expectRefusal(() => checkOutput(input, output), 'output-is-input', 2);
      await expectRefusal(() => checkOutput(output, input), 'output-is-input', 2);
    }
  });

  it('may be any other file, there or not', async () => {
    const folder = temporaryFolder();
    const input = join(folder, 'model.onnx');
    await writeFile(input, 'model');
    await writeFile(join(folder, 'other.onnx'), 'model');
    await checkOutput(input, join(folder, 'other.onnx'));
    await checkOutput(input, join(folder, 'new.onnx'));
    await checkOutput(join(folder, 'missing.onnx'), join(folder, 'missing.onnx'));
    await rename(input, join(folder, 'gone.onnx'));
    await checkOutput(input, join(folder, 'other.onnx'));
  });

  it('in a folder that is missing makes it, and is refused before any work is done where that fails', async () => {
    const folder = temporaryFolder();
    const input = join(folder, 'model.onnx');
    await writeFile(input, 'model');
    await checkOutput(input, join(folder, 'made', 'here', 'model.onnx'));
    expect((await stat(join(folder, 'made', 'here'))).isDirectory()).toBe(true);
    // A file is no folder.
    const output = join(input, 'missing', 'model.onnx');
    const error = await expectRefusal(() => checkOutput(input, output), 'file-unwritable', 3);
    expect(error.facts.path).toBe(output);
  });
});
