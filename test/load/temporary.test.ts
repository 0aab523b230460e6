import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sweepTemporaries, temporaryPath, withTemporaryFolder } from '../../src/load/temporary.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a folder is gone with all that is in it, after an error too', async () => {
  const parent = temporaryFolder();
  const given = await withTemporaryFolder(parent, async (folder) => {
    await writeFile(join(folder, 'file'), 'text');
    expect(readdirSync(parent)).toEqual([folder.slice(parent.length + 1)]);
    return 7;
  });
  expect(given).toBe(7);
  expect(readdirSync(parent)).toEqual([]);
  const failing = withTemporaryFolder(parent, () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(readdirSync(parent)).toEqual([]);
});

test('signals are listened to only meanwhile', async () => {
  const before = process.listenerCount('SIGINT');
  await withTemporaryFolder(temporaryFolder(), async (folder) => {
    await withTemporaryFolder(folder, async () => {});
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
  });
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test('where somebody else listens, the end is their business', async () => {
  let heard = 0;
  await withTemporaryFolder(temporaryFolder(), async (folder) => {
    process.once('SIGHUP', () => heard++);
    process.emit('SIGHUP', 'SIGHUP');
    expect(existsSync(folder)).toBe(true);
  });
  expect(heard).toBe(1);
});

test('an interrupted process leaves nothing, and ends by the signal', async () => {
  const parent = temporaryFolder();
  const code = `import { sweepTemporaries, temporaryPath, withTemporaryFolder } from ${JSON.stringify(
    fileURLToPath(new URL('../../dist/src/load/temporary.js', import.meta.url)),
  )};
    await withTemporaryFolder(process.argv[1], async (folder) => {
      console.log(folder);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code, parent]);
  const folder = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  expect(existsSync(folder)).toBe(true);
  const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
  child.kill('SIGTERM');
  expect(await ended).toBe('SIGTERM');
  expect(readdirSync(parent)).toEqual([]);
});

describe('what a run left behind', () => {
  const own = (folder: string) => basename(temporaryPath(folder));
  /** No process has so high a number. */
  const gone = (name: string) => name.replace(`-${process.pid}-`, '-4194999-');
  const elsewhere = (name: string) => name.replace(/-[0-9a-f]{8}-/, '-00000000-');

  test('goes with the next run in the folder, files and folders', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, gone(own(folder))), 'half');
    mkdirSync(join(folder, gone(own(folder)), 'inside'), { recursive: true });
    sweepTemporaries(folder);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('stays where the run goes on, here or on another machine, or where it is somebody else’s', () => {
    const folder = temporaryFolder();
    const names = [
      own(folder),
      elsewhere(own(folder)),
      '.model.onnx.17.tmp',
      '.quantize-notes.tmp',
      'x.onnx',
    ];
    for (const name of names) writeFileSync(join(folder, name), 'kept');
    sweepTemporaries(folder);
    expect(readdirSync(folder).sort()).toEqual(names.sort());
  });

  test('goes after a week where another machine left it', () => {
    const folder = temporaryFolder();
    const path = join(folder, elsewhere(own(folder)));
    writeFileSync(path, 'old');
    const days = (count: number) => Date.now() / 1000 - count * 24 * 3600;
    utimesSync(path, days(6), days(6));
    sweepTemporaries(folder);
    expect(existsSync(path)).toBe(true);
    utimesSync(path, days(8), days(8));
    sweepTemporaries(folder);
    expect(existsSync(path)).toBe(false);
  });
});

describe('a folder for temporary files that', () => {
  test('is missing, or is a file, is named', async () => {
    const parent = temporaryFolder();
    writeFileSync(join(parent, 'file'), 'text');
    for (const name of ['missing', 'file']) {
      const path = join(parent, name);
      const error = await expectRefusal(
        () => withTemporaryFolder(path, async () => {}),
        'temporary-failed',
        3,
      );
      expect(error.facts.path).toBe(path);
    }
  });

  test('is emptied meanwhile is named, while what fails elsewhere is told as it is', async () => {
    const parent = temporaryFolder();
    const lost = () => withTemporaryFolder(parent, (folder) => readFile(join(folder, 'gone')));
    await expectRefusal(lost, 'temporary-failed', 3);
    const other = withTemporaryFolder(parent, () => readFile(join(parent, 'other')));
    await expect(other).rejects.toMatchObject({ code: 'ENOENT', path: join(parent, 'other') });
    const gone = withTemporaryFolder(parent, async (folder) => {
      rmSync(folder, { recursive: true });
      return 7;
    });
    expect(await gone).toBe(7);
  });
});
