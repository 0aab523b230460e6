import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { example } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [first = '', second = ''] = [
  ...readFileSync(join(root, 'docs/api.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g),
].map(([, code = '']) => code);

/** Run an example of the documentation in a folder with the sample, where the package is installed. */
function runExample(code: string): Promise<{ folder: string; exit: number; stdout: string; stderr: string }> {
  const folder = temporaryFolder();
  for (const name of ['digits.onnx', 'digits-calib.npy', 'digits-test.npy', 'digits-test-labels.npy'])
    copyFileSync(example(name), join(folder, name));
  copyFileSync(example('quantize.config.json'), join(folder, 'quantize.config.json'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'onnx-quantize'), 'junction');
  writeFileSync(join(folder, 'example.mjs'), code);
  return new Promise((resolve) => {
    execFile(process.execPath, ['example.mjs'], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ folder, exit: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });
}

test('the first example of docs/api.md runs as it stands', async () => {
  const { folder, exit, stdout, stderr } = await runExample(first);
  expect(exit).toBe(0);
  expect(existsSync(join(folder, 'digits.int4.onnx'))).toBe(true);
  expect(stdout).toMatch(
    /^top1_drop<=0\.5% −?\d\.\d\d % true\nsize<50KB 5\d\.\d kB false\nfalse 3\d\.\d dB\n/,
  );
  expect(stdout).toContain('digits.onnx → digits.int4.onnx');
  expect(stderr).toMatch(/^load …\n/);
  expect(stderr).toMatch(/evaluate: 797 of 797/);
});

test('the second does what quantize ci does', async () => {
  const { folder, exit } = await runExample(second);
  expect(exit).toBe(0);
  expect(existsSync(join(folder, 'digits.w4a8.onnx'))).toBe(true);
});
