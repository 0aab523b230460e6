import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFile } from '../support/temporary-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const test797 = ['--data', example('digits-test.npy'), '--scale', '1/16'];
const labels = ['--labels', example('digits-test-labels.npy')];

test('the command compares what the main job made, and finds what it found; a metric sees both', async () => {
  const output = join(temporaryFolder(), 'q.onnx');
  const metric = temporaryFile(
    'accuracy.mjs',
    `export default () => {
      const right = { float: 0, quantized: 0 };
      let seen = 0;
      const largest = ({ data }) => data.indexOf(Math.max(...data));
      return {
        add({ outputs, labels, samples }) {
          if (samples !== 1) throw new Error('one at a time here');
          seen++;
          for (const side of Object.keys(right)) if (largest(outputs[side].logits) === labels[0]) right[side]++;
        },
        result: () => ({ accuracy: { float: right.float / seen, quantized: right.quantized / seen } }),
      };
    };`,
  );
  const recipe = [
    '--data',
    example('digits-calib.npy'),
    '--scale',
    '1/16',
    '--bits',
    '3',
    '--act-bits',
    '3',
    '--refine',
    'none',
    '--scheme',
    'minmax',
  ];
  const evaluation = ['--eval-data', example('digits-test.npy'), ...labels];
  const made = await runCommand(example('digits.onnx'), ...recipe, ...evaluation, '-o', output, '--json');
  const compared = await runCommand(
    ...['compare', example('digits.onnx'), output, ...test797, ...labels],
    ...['--metric', metric, '--quiet', '--json'],
  );
  expect([compared.code, compared.stderr]).toEqual([0, '']);
  const [one, other] = [made, compared].map(({ stdout }) => JSON.parse(stdout) as Result);
  expect(other?.outputs).toEqual(one?.outputs);
  expect(other?.layers).toEqual(one?.layers);
  expect(other?.task).toEqual(one?.task);
  expect(other?.recipe).toEqual(one?.recipe);
  expect(other?.metrics).toEqual([
    { name: 'accuracy', float: one?.task?.float, quantized: one?.task?.quantized },
  ]);
  expect(one?.task?.topOneDrop.lost).toBeGreaterThan(0);
});

test('models that cannot be compared: exit code 2, one sentence, what to do', async () => {
  const model = temporaryFile('metric.mjs', 'export default {}');
  const { code, stdout, stderr } = await runCommand('compare', example('digits.onnx'), model, '--quiet');
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^error: .*metric\.mjs is not an ONNX model: .*\n.+\n$/);
});
