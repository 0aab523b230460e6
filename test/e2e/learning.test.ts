import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];
const training = [
  ...['--train-data', example('digits-test.npy')],
  ...['--train-labels', example('digits-test-labels.npy')],
];
const narrow = ['--bits', '3', '--act-bits', '4', '--all-layers', '--scheme', 'mse', '--no-suggest'];

test('finetune learns from labels, the same twice, and verify makes it again', async () => {
  const folder = temporaryFolder();
  const [once, twice] = [join(folder, 'a.onnx'), join(folder, 'b.onnx')];
  const args = [...data, ...training, ...narrow, '--refine', 'finetune:steps=100'];
  const report = join(folder, 'a.html');
  const first = await runCommand(example('digits.onnx'), ...args, '-o', once, '--json', '--report', report);
  expect(first.stderr.replace(/^refine .*\n/gm, '')).toBe('');
  const { refinements, reproduce } = JSON.parse(first.stdout) as Result;
  expect(refinements).toMatchObject([{ name: 'finetune', judge: 'labels', kept: true }]);
  const [record] = refinements;
  expect(record?.after).toBeLessThan(record?.before ?? 0);
  expect(reproduce).toContain('--train-data digits-test.npy --train-labels digits-test-labels.npy');
  expect(readFileSync(report, 'utf8')).toContain('Loss of finetune for the block of');

  await runCommand(example('digits.onnx'), ...args, '-o', twice);
  expect(readFileSync(twice).equals(readFileSync(once))).toBe(true);
  const again = ['--from', example('digits.onnx'), ...data, ...training];
  expect((await runCommand('verify', once, ...again)).code).toBe(0);
});

test('labels are told of where they are missing, of no use, or alone', async () => {
  const output = join(temporaryFolder(), 'a.onnx');
  const refusal = async (...args: string[]) => {
    const { code, stderr } = await runCommand(example('digits.onnx'), ...data, ...args, '-o', output);
    expect([code, existsSync(output)]).toEqual([2, false]);
    return stderr.split('\n')[0];
  };
  expect(await refusal('--train-data', example('digits-test.npy'))).toBe('error: --train-data needs labels.');
  expect(await refusal('--train-labels', example('digits-test-labels.npy'))).toBe(
    'error: --train-labels needs samples.',
  );
  expect(await refusal(...training, '--refine', 'moments')).toBe(
    'error: --train-data has no use where no refiner learns from labels.',
  );
  expect(await refusal('--refine', 'finetune')).toBe(
    'error: --refine has finetune, which needs labelled samples.',
  );
  expect(await refusal('--refine', 'moments', '--effort', 'best')).toBe(
    'error: --effort has no use beside --refine, which names what runs.',
  );
});
