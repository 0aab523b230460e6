import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dryRun } from '../../src/cli/dry-run.js';
import { example } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('says what a run would do, and writes nothing', async () => {
  const output = join(temporaryFolder(), 'q.onnx');
  const text = await dryRun({
    ...{ model: example('digits.onnx'), data: `image=${example('digits-calib.npy')}`, output },
    ...{ recipe: { bits: 4 }, gates: ['size<60KB', { gate: 'speedup>=1', level: 'warn' }] },
  });
  expect(text).toContain('6 of 6 layers would be quantized');
  expect(text).toContain('gates: size<60KB, speedup>=1 (warn)');
  expect(existsSync(output)).toBe(false);
});

test('a file that is not there is named', async () => {
  const given = { model: example('digits.onnx'), data: 'nowhere.npy' };
  await expect(dryRun(given)).rejects.toMatchObject({ code: 'file-missing', facts: { path: 'nowhere.npy' } });
});
