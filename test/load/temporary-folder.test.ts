import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { withTemporaryFolder } from '../../src/load/temporary-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a folder is gone with all that is in it, after an error too', async () => {
  const parent = temporaryFolder();
  const given = await withTemporaryFolder(join(parent, '.a.'), async (folder) => {
    await writeFile(join(folder, 'file'), 'text');
    expect(readdirSync(parent)).toEqual([folder.slice(parent.length + 1)]);
    return 7;
  });
  expect(given).toBe(7);
  expect(readdirSync(parent)).toEqual([]);
  const failing = withTemporaryFolder(join(parent, '.a.'), () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(readdirSync(parent)).toEqual([]);
});

test('signals are listened to only meanwhile', async () => {
  const before = process.listenerCount('SIGINT');
  await withTemporaryFolder(join(temporaryFolder(), 'a.'), async (folder) => {
    await withTemporaryFolder(join(folder, 'b.'), async () => {});
    expect(process.listenerCount('SIGINT')).toBe(before + 1);
  });
  expect(process.listenerCount('SIGINT')).toBe(before);
});

test('where somebody else listens, the end is their business', async () => {
  let heard = 0;
  await withTemporaryFolder(join(temporaryFolder(), 'a.'), async (folder) => {
    process.once('SIGHUP', () => heard++);
    process.emit('SIGHUP', 'SIGHUP');
    expect(existsSync(folder)).toBe(true);
  });
  expect(heard).toBe(1);
});

test('an interrupted process leaves nothing, and ends by the signal', async () => {
  const parent = temporaryFolder();
  const code = `import { withTemporaryFolder } from ${JSON.stringify(
    fileURLToPath(new URL('../../dist/src/load/temporary-folder.js', import.meta.url)),
  )};
    await withTemporaryFolder(process.argv[1], async (folder) => {
      console.log(folder);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code, join(parent, '.a.')]);
  const folder = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  expect(existsSync(folder)).toBe(true);
  const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
  child.kill('SIGTERM');
  expect(await ended).toBe('SIGTERM');
  expect(readdirSync(parent)).toEqual([]);
});
