import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { example, runCommand, runIn } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const files = [
  'digits.onnx',
  'digits-calib.npy',
  'digits-test.npy',
  'digits-test-labels.npy',
  'quantize.config.json',
];

/** A folder with the examples, as a user has them in a repository, and changes to their configuration. */
function project(changes: Record<string, unknown> = {}): { folder: string; config: string } {
  const folder = temporaryFolder();
  for (const name of files) copyFileSync(example(name), join(folder, name));
  const config = join(folder, 'quantize.config.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), ...changes }));
  return { folder, config };
}

const output = (config: string) => join(dirname(config), 'digits.w4a8.onnx');

/** A busy machine takes so long that a line tells what it is at. */
const withoutProgress = (stderr: string) => stderr.replace(/^(?:refine: .*|[a-z -]+: \d+ of \d+ .*)\n/gm, '');

test('quantize ci passes on the sample, in its folder without any flag', async () => {
  const { folder, config } = project();
  const { code, stdout, stderr } = await runIn(folder, ['ci']);
  expect(withoutProgress(stderr)).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain('digits.onnx → digits.w4a8.onnx');
  expect(existsSync(output(config))).toBe(true);
});

test('a limit that it cannot meet ends in exit code 1, with the reason; the model is written', async () => {
  const { config } = project();
  const { code, stdout, stderr } = await runCommand('ci', '--config', config, '--max-size', '10KB', '--json');
  expect(code).toBe(1);
  expect(withoutProgress(stderr).split('\n')).toEqual([
    expect.stringMatching(/^gate failed: size<=10KB: \d\d\.\d kB$/),
    'digits.w4a8.onnx was written all the same; the exit code is 1.',
    '',
  ]);
  const { gates, quantized, task } = JSON.parse(stdout) as Result;
  expect(gates.map(({ gate, level, passed }) => ({ gate, level, passed }))).toEqual([
    { gate: 'top1_drop<=0.5%', level: 'error', passed: true },
    { gate: 'sqnr[logits]>=20dB', level: 'error', passed: true },
    { gate: 'size_ratio<0.2', level: 'error', passed: true },
    { gate: 'speedup>=0.5', level: 'warn', passed: expect.any(Boolean) },
    { gate: 'size<=10KB', level: 'error', passed: false },
  ]);
  expect(task?.quantized).toBeGreaterThan(0.99);
  expect(readFileSync(output(config)).byteLength).toBe(quantized.sizeBytes);
});

test('a metric that cannot be computed fails, and a failing warning does not', async () => {
  const { config } = project({
    labels: undefined,
    gates: ['top1_drop<5%', { gate: 'size<1KB', level: 'warn' }],
  });
  const failed = await runCommand('ci', '--config', config);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(
    /^gate failed: top1_drop<5%: not measured, there are no labels; give them with --labels$/m,
  );
  const { config: warning } = project({ gates: [{ gate: 'size<1KB', level: 'warn' }] });
  const warned = await runCommand('ci', '--config', warning);
  expect(warned.code).toBe(0);
  expect(warned.stderr).toMatch(/^gate warns: size<1KB: /m);
});

test('flags replace what the file says, and a saved result is a baseline', async () => {
  const { folder, config } = project({ gates: [] });
  const args = ['quantize.config.json', 'digits.int8.onnx'].map((name) => join(folder, name));
  const first = await runCommand('--config', config, '--bits', '8', '-o', args[1] ?? '', '--json');
  expect(first.code).toBe(0);
  const eight = JSON.parse(first.stdout) as Result;
  expect(eight.recipe).toMatchObject({ bits: 8, activations: { observer: 'mse' } });
  expect(eight.quantized.name).toBe('digits.int8.onnx');
  const baseline = join(folder, 'base.json');
  writeFileSync(baseline, first.stdout);

  const gates = ['--gate', 'size_change<-30%', '--gate', 'sqnr_change>=-1dB'];
  const second = await runCommand('ci', '--config', config, '--baseline', baseline, ...gates, '--json');
  expect(second.code).toBe(1);
  const four = JSON.parse(second.stdout) as Result;
  expect(four.gates.map(({ passed }) => passed)).toEqual([true, false]);
  expect(four.baseline?.changes).toContainEqual(
    expect.objectContaining({
      metric: 'size',
      before: eight.quantized.sizeBytes,
      after: four.quantized.sizeBytes,
    }),
  );
  expect(second.stderr).toMatch(/^gate failed: sqnr_change>=-1dB: −\d+\.\d dB \(/m);
});

test('a workflow gets its summary appended to, and a file that cannot be written is an error', async () => {
  const { folder, config } = project({ gates: [] });
  const summary = join(folder, 'summary.md');
  writeFileSync(summary, 'before\n');
  const { code } = await runIn(folder, ['ci', '--config', config], { GITHUB_STEP_SUMMARY: summary });
  expect(code).toBe(0);
  expect(readFileSync(summary, 'utf8').startsWith('before\n')).toBe(true);
  const lost = await runIn(folder, ['ci'], { GITHUB_STEP_SUMMARY: folder });
  expect(lost.code).toBe(3);
  expect(lost.stderr).toMatch(/cannot be written/);
});

test('the baseline is never overwritten by the model', async () => {
  const { folder } = project({ gates: [] });
  const before = JSON.stringify((await runIn(folder, ['ci', '--json'])).stdout);
  const baseline = join(folder, 'base.json');
  writeFileSync(baseline, JSON.parse(before));
  const { code, stderr } = await runIn(folder, ['ci', '--baseline', baseline, '-o', baseline]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: The output .*base\.json is the input itself/);
  expect(readFileSync(baseline, 'utf8')).toBe(JSON.parse(before));
});

test('several models are done one after the other, and one failing fails all', async () => {
  const { folder, config } = project({
    model: undefined,
    models: [
      { model: 'digits.onnx', gates: ['size<10KB'], output: 'a.onnx' },
      { model: 'digits.onnx', recipe: { bits: 8 }, gates: ['size<1MB'], output: 'b.onnx' },
    ],
  });
  const { code, stdout } = await runCommand('ci', '--config', config, '--json');
  expect(code).toBe(1);
  const results = JSON.parse(stdout) as Result[];
  expect(
    results.map(({ quantized, recipe, gates }) => [quantized.name, recipe?.bits, gates[0]?.passed]),
  ).toEqual([
    ['a.onnx', 4, false],
    ['b.onnx', 8, true],
  ]);
  expect(existsSync(join(folder, 'b.onnx'))).toBe(true);
  const refused = await runCommand('ci', '--config', config, '-o', join(folder, 'c.onnx'));
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(/^error: --output is one file/);
});

test.each([
  ['without a configuration', [], /^error: There is no configuration: neither quantize\.config\.json nor /],
  ['with a malformed gate', ['--gate', 'sqnr'], /^error: The gate "sqnr" compares nothing with a limit\./],
])('%s it ends in exit code 2', async (_, args, message) => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'empty'));
  const { code, stderr } = await runIn(join(folder, 'empty'), ['ci', ...args]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
