import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Result } from '../../src/report/result.js';
import { bin, example } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const action = readFileSync(fileURLToPath(new URL('../../action.yml', import.meta.url)), 'utf8');

/** The shell script of a step, as the runner would be given it. */
function scriptOf(step: string): string {
  const [, body = ''] =
    new RegExp(`- name: ${step}\\n[\\s\\S]*?\\n {6}run: \\|\\n((?: {8}.*\\n|\\n)+)`).exec(action) ?? [];
  expect(body).not.toBe('');
  return body.replace(/^ {8}/gm, '');
}

/** What the step left behind. */
interface StepOutcome {
  readonly outputs: Readonly<Record<string, string>>;
  readonly stdout: string;
}

/** Run the action's main step in a folder, as a runner does: bash, stopping at the first failure. */
function runStep(folder: string, inputs: Readonly<Record<string, string>>): Promise<StepOutcome> {
  const temporary = join(folder, 'runner');
  mkdirSync(temporary, { recursive: true });
  const output = join(temporary, 'output');
  writeFileSync(output, '');
  const env = {
    PATH: process.env.PATH ?? '',
    RUNNER_TEMP: temporary,
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: join(temporary, 'summary'),
    QUANTIZE: bin,
    ...{ CONFIG: '', BASELINE: '', CHANGE_GATES: '', ARGS: '', ...inputs },
  };
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['-eo', 'pipefail', '-c', scriptOf('quantize ci')],
      { cwd: folder, env },
      (error, stdout) => {
        if (error) return reject(error);
        const lines = readFileSync(output, 'utf8').trim().split('\n');
        resolve({ outputs: Object.fromEntries(lines.map((line) => line.split('=', 2))), stdout });
      },
    );
  });
}

function project(): string {
  const folder = temporaryFolder();
  for (const name of ['digits.onnx', 'digits-calib.npy', 'digits-test.npy', 'digits-test-labels.npy'])
    copyFileSync(example(name), join(folder, name));
  copyFileSync(example('quantize.config.json'), join(folder, 'quantize.config.json'));
  return folder;
}

const resultOf = ({ outputs }: StepOutcome) =>
  JSON.parse(readFileSync(outputs.result ?? '', 'utf8')) as Result;

describe.skipIf(process.platform === 'win32')('the composite action', () => {
  test('passes, and its result is the baseline of the next run', async () => {
    const folder = project();
    const first = await runStep(folder, { BASELINE: 'baseline.json', CHANGE_GATES: 'size_change<=0\n' });
    expect(first.outputs).toMatchObject({ 'exit-code': '0', passed: 'true' });
    expect(first.stdout).toContain('There is no baseline baseline.json');
    expect(resultOf(first).gates.map(({ gate }) => gate)).not.toContain('size_change<=0');
    expect(existsSync(first.outputs.summary ?? '')).toBe(true);

    copyFileSync(first.outputs.result ?? '', join(folder, 'baseline.json'));
    const next = await runStep(folder, {
      BASELINE: 'baseline.json',
      CHANGE_GATES: 'size_change<0\nsqnr_change>=0\n',
      ARGS: '--max-size\n1 KB\n',
    });
    expect(next.outputs).toMatchObject({ 'exit-code': '1', passed: 'false' });
    const { gates, baseline } = resultOf(next);
    expect(gates.slice(-3).map(({ gate, passed }) => [gate, passed])).toEqual([
      ['size<=1 KB', false],
      ['size_change<0', false],
      ['sqnr_change>=0', true],
    ]);
    expect(baseline?.name).toBe('baseline.json');
  });
});
