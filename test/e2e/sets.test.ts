import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import type { SweepRecord } from '../../src/sweep/record.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** The example's images with every pixel below `least` dark: another set with the same labels. */
function darkened(path: string, least: number): void {
  const bytes = Buffer.from(readFileSync(example('digits-test.npy')));
  const start = 10 + bytes.readUInt16LE(8);
  for (let i = start; i < bytes.length; i++) if ((bytes[i] as number) < least) bytes[i] = 0;
  writeFileSync(path, bytes);
}

const labels = example('digits-test-labels.npy');
const recipe = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--bits', '3', '--act-bits', '3'];
const common = [...recipe, '--refine', 'none', '--no-suggest'];

test('sets of samples stand side by side, each as measured alone; gates hold on the worst', async () => {
  const folder = temporaryFolder();
  const [dark, out, page, markdown, history] = [
    ...['dark.npy', 'q.onnx', 'page.html', 'report.md', 'history.ndjson'],
  ].map((name) => join(folder, name)) as [string, string, string, string, string];
  darkened(dark, 11);
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(
      example('digits.onnx'),
      ...common,
      '-o',
      out,
      ...args,
      '--json',
    );
    if (code > 1) throw new Error(stderr);
    return { code, result: JSON.parse(stdout) as Result };
  };
  const alone = [
    await run('--eval-data', example('digits-test.npy'), '--labels', labels),
    await run('--eval-data', dark, '--labels', labels),
  ];
  const both = [
    '--eval-set',
    `day=${example('digits-test.npy')},${labels}`,
    '--eval-set',
    `night=${dark},${labels}`,
  ];
  const drop = ({ task }: Pick<Result, 'task'>) => (task?.float ?? 0) - (task?.quantized ?? 0);
  const [day, night] = alone.map(({ result }) => drop(result)) as [number, number];
  expect(night).toBeGreaterThan(day);
  const between = `${(50 * (day + night)).toFixed(4)}%`;
  const { code, result } = await run(
    ...both,
    ...['--gate', `top1_drop<${between}`, '--gate', `top1_drop@day<${between}`],
    ...['--report', page, '--report', markdown, '--history', history],
  );
  const measured = ({ outputs, task, metrics }: Pick<Result, 'outputs' | 'task' | 'metrics'>) => ({
    outputs,
    task,
    metrics,
  });
  expect(result.sets.map(measured)).toEqual(alone.map((each) => measured(each.result)));
  expect(measured(result)).toEqual(measured(result.sets[0] as Result['sets'][0]));
  expect(result.sets.map(({ name, samples }) => [name, samples])).toEqual([
    ['day', 797],
    ['night', 797],
  ]);
  expect([code, ...result.gates.map(({ passed }) => passed)]).toEqual([1, false, true]);
  expect(result.gates[0]?.shown).toMatch(/ on night$/);
  expect(result.reproduce).toContain(
    '--eval-set day=digits-test.npy,digits-test-labels.npy --eval-set night=dark.npy,',
  );
  expect(readFileSync(page, 'utf8')).toMatch(/<section id="sets"[\s\S]*<code>night<\/code> \(worst\)/);
  expect(readFileSync(markdown, 'utf8')).toMatch(/\| `night` \(worst\) \| 797 \|/);
  const [point] = readFileSync(history, 'utf8')
    .split('\n')
    .slice(0, 1)
    .map((line) => JSON.parse(line));
  expect(point.sets).toEqual({
    day: expect.objectContaining({ top1: alone[0]?.result.task?.quantized }),
    night: expect.objectContaining({ top1: alone[1]?.result.task?.quantized }),
  });
  const { stdout } = await runCommand(
    'compare',
    example('digits.onnx'),
    out,
    '--scale',
    '1/16',
    '--eval-set',
    `night=${dark},${labels}`,
    '--data',
    example('digits-test.npy'),
    '--history',
    history,
  );
  expect(stdout).toMatch(/^sets of samples +samples +top-1 float/m);
  expect(stdout).toMatch(/^ {2}data +797/m);
});

test('a set without samples, a name twice and lone labels are refused in a sentence', async () => {
  const run = async (...args: string[]) => {
    const { code, stderr } = await runCommand(
      example('digits.onnx'),
      ...common,
      '-o',
      join(temporaryFolder(), 'q.onnx'),
      ...args,
    );
    return [code, stderr];
  };
  const samples = example('digits-test.npy');
  expect(await run('--eval-set', samples)).toEqual([
    2,
    expect.stringMatching(/--eval-set cannot be [\s\S]*night=night\.npy,night-labels\.npy/),
  ]);
  expect(await run('--eval-set', `day=${samples}`, '--labels', labels)).toEqual([
    2,
    expect.stringContaining('--labels needs samples'),
  ]);
  expect(await run('--eval-set', `eval-data=${samples}`, '--eval-data', samples)).toEqual([
    2,
    expect.stringContaining('names a set "eval-data"'),
  ]);
});

test('a sweep measures each combination on every set, and judges it by the worst', async () => {
  const folder = temporaryFolder();
  const dark = join(folder, 'dark.npy');
  darkened(dark, 11);
  const day = example('digits-test.npy');
  const run = async (name: string, ...args: string[]) => {
    const record = join(folder, `${name}.json`);
    const axes = ['--schemes', 'minmax', '--bits', '3', '--act-bits', '3', '--refine', 'none', '-o', record];
    const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];
    const { code, stdout, stderr } = await runCommand(
      'sweep',
      example('digits.onnx'),
      ...data,
      ...axes,
      ...args,
    );
    if (code !== 0) throw new Error(stderr);
    return { stdout, record: JSON.parse(readFileSync(record, 'utf8')) as SweepRecord };
  };
  const alone = [
    await run('day', '--eval-data', day, '--labels', labels),
    await run('night', '--eval-data', dark, '--labels', labels),
  ].map(({ record }) => record.results[0]);
  const both = ['--eval-set', `day=${day},${labels}`, '--eval-set', `night=${dark},${labels}`];
  const { stdout, record } = await run('both', ...both, '--max-size', '1MB');
  const [result] = record.results;
  expect(result?.sets).toEqual(
    alone.map((each, i) => ({ name: ['day', 'night'][i], outputs: each?.outputs, task: each?.task })),
  );
  expect([result?.outputs, result?.task]).toEqual([alone[1]?.outputs, alone[1]?.task]);
  expect(record.choice?.command).toContain('--eval-set night=dark.npy,digits-test-labels.npy');
  expect(stdout).toMatch(/top-1 day +top-1 night/);
  // The same samples under other names are other sets.
  await expect(run('both', ...both.slice(0, 2), '--eval-set', `dusk=${dark},${labels}`)).rejects.toThrow(
    /set of samples/,
  );
});
