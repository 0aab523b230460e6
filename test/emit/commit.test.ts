import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withCommit } from '../../src/emit/commit.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What is in a folder: name → text; a folder in it is null. */
const inside = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true }).map((entry) => [
      entry.name,
      entry.isDirectory() ? null : readFileSync(join(folder, entry.name), 'utf8'),
    ]),
  );

describe('the files of a run', () => {
  test('are all there at the end, and none before', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'b'), 'old');
    await withCommit(async (files) => {
      await files.write(join(folder, 'a'), 'new a');
      await files.write(join(folder, 'b'), 'new b');
      const visible = Object.entries(inside(folder)).filter(([name]) => !name.startsWith('.'));
      expect(visible).toEqual([['b', 'old']]);
    });
    expect(inside(folder)).toEqual({ a: 'new a', b: 'new b' });
  });

  test('are as they were where the work fails', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a'), 'old');
    const failing = withCommit(async (files) => {
      await files.write(join(folder, 'a'), 'new');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(inside(folder)).toEqual({ a: 'old' });
  });

  test.each([1, 2])('are as they were where rename %i fails', async (at) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a'), 'old a');
    const names = ['a', 'b', 'c'];
    const write = () =>
      withCommit(async (files) => {
        for (const name of names) await files.write(join(folder, name), `new ${name}`);
        // A folder cannot be replaced by a file.
        mkdirSync(join(folder, names[at] as string));
      });
    const error = await expectRefusal(write, 'file-unwritable', 3);
    expect(error.facts.path).toBe(join(folder, names[at] as string));
    expect(inside(folder)).toEqual({ a: 'old a', [names[at] as string]: null });
  });

  test('keep their permissions and the link that they are named by', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'real'));
    const real = join(folder, 'real', 'a');
    writeFileSync(real, 'old');
    chmodSync(real, 0o640);
    symlinkSync(join('real', 'a'), join(folder, 'a'));
    symlinkSync(join('real', 'b'), join(folder, 'b'));
    await withCommit(async (files) => {
      await files.write(join(folder, 'a'), 'new a');
      await files.write(join(folder, 'b'), 'new b');
    });
    for (const name of ['a', 'b']) expect(lstatSync(join(folder, name)).isSymbolicLink()).toBe(true);
    expect(inside(join(folder, 'real'))).toEqual({ a: 'new a', b: 'new b' });
    expect(statSync(real).mode & 0o777).toBe(0o640);
  });

  test('a link that leads in a circle is refused', async () => {
    const folder = temporaryFolder();
    symlinkSync('a', join(folder, 'a'));
    await expectRefusal(
      () => withCommit((files) => files.write(join(folder, 'a'), 'new')),
      'file-unwritable',
      3,
    );
    expect(readdirSync(folder)).toEqual(['a']);
  });

  test('what comes afterwards changes no result where it fails', async () => {
    const folder = temporaryFolder();
    await withCommit(async (files) => {
      await files.write(join(folder, 'a'), 'new');
      files.afterwards(() => Promise.reject(new Error('no')));
    });
    expect(inside(folder)).toEqual({ a: 'new' });
  });
});
