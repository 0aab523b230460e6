import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { metrics } from '../../src/gate/metrics.js';
import type { Result } from '../../src/report/result.js';
import { example } from '../support/command.js';
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
    NODE: process.execPath,
    ACTION: fileURLToPath(new URL('../..', import.meta.url)),
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
      ARGS: `--max-size "1 KB"\n--quiet`,
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

  test('gives each metric as an output', async () => {
    const { outputs } = await runStep(project(), {});
    const { sqnr, metrics: all = '{}' } = outputs;
    expect(Number(sqnr)).toBeGreaterThan(20);
    expect(Number(outputs['size-ratio'])).toBeLessThan(1);
    expect(JSON.parse(all)).toMatchObject({ 'digits.w4a8.onnx': { sqnr: Number(sqnr) } });
    const declared = action.slice(action.indexOf('outputs:'), action.indexOf('runs:'));
    for (const { name } of metrics) {
      const key = name.replaceAll('_', '-');
      expect(declared).toContain(`\n  ${key}:\n`);
      expect(declared).toContain(`steps.ci.outputs.${key} }}`);
    }
  });

  test('leaves no empty report where the configuration is wrong', async () => {
    const folder = project();
    writeFileSync(
      join(folder, 'quantize.config.json'),
      '{ "model": "digits.onnx", "recipe": { "bits": 99 } }',
    );
    const { outputs } = await runStep(folder, {});
    expect(outputs).toMatchObject({ 'exit-code': '2', passed: 'false' });
    const summary = readFileSync(outputs.summary ?? '', 'utf8');
    expect(summary).toContain('quantize ended in exit code 2');
    expect(summary).toContain('    error: quantize.config.json: recipe.bits cannot be 99');
  });

  test('refuses a quote that does not end, and runs nothing of the arguments', async () => {
    const folder = project();
    const { outputs } = await runStep(folder, { ARGS: `--gate "sqnr>=1` });
    expect(outputs).toMatchObject({ 'exit-code': '2' });
    expect(readFileSync(outputs.summary ?? '', 'utf8')).toContain('a quote " that does not end');
    await runStep(folder, { ARGS: '--gate "$(touch pwned)" `touch pwned` ; touch pwned' });
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
  });

  test.each([
    ['a  b\nc', ['a', 'b', 'c']],
    [`'a b' "c d" e\\ f`, ['a b', 'c d', 'e f']],
    [`--gate 'sqnr[x]>=1' ''`, ['--gate', 'sqnr[x]>=1', '']],
    [`a"b"'c'd`, ['abcd']],
    ['"a\\"b\\x" $HOME `id` $(id)', ['a"b\\x', '$HOME', '`id`', '$(id)']],
    ['a \\\n b', ['a', 'b']],
    ['', []],
  ])('splits %j as a shell does', async (text, words) => {
    const script = fileURLToPath(new URL('../../tools/action/split-args.mjs', import.meta.url));
    const found = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [script], { env: { ...process.env, ARGS: text } }, (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      );
    });
    expect(found.split('\0').slice(0, -1)).toEqual(words);
  });

  /** Run the step that comments, with a `gh` that answers as told. */
  function comment(gh: string, key = ''): Promise<{ code: number; stdout: string; calls: string }> {
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, name);
    writeFileSync(at('summary.md'), 'the report');
    writeFileSync(at('gh'), `#!/bin/sh\necho "$@" >> ${at('calls')}\n${gh}\n`, { mode: 0o755 });
    const env = {
      PATH: `${folder}:${process.env.PATH ?? ''}`,
      ...{
        REPOSITORY: 'o/r',
        NUMBER: '7',
        SUMMARY: at('summary.md'),
        KEY: key,
        GH_TOKEN: 'x',
        TMPDIR: folder,
      },
    };
    return new Promise((resolve) => {
      execFile(
        'bash',
        ['-eo', 'pipefail', '-c', scriptOf('Comment on the pull request')],
        { env },
        (error, stdout) => {
          const calls = existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8') : '';
          resolve({ code: error ? Number(error.code) : 0, stdout, calls });
        },
      );
    });
  }

  test('a comment is found by its key, made or replaced, and a 403 is a warning', async () => {
    const made = await comment('exit 0', 'nightly');
    expect(made.code).toBe(0);
    expect(made.calls).toContain('startswith("<!-- quantize nightly -->")');
    expect(made.calls).toContain('--method POST repos/o/r/issues/7/comments');
    const replaced = await comment('case "$*" in *paginate*) echo 12; echo 13;; esac');
    expect(replaced.calls).toContain('startswith("<!-- quantize -->")');
    expect(replaced.calls).toContain('--method PATCH repos/o/r/issues/comments/12 ');
    const refused = await comment('echo "gh: Resource not accessible by integration (HTTP 403)" >&2; exit 1');
    expect(refused.code).toBe(0);
    expect(refused.stdout).toMatch(
      /^::warning::The report could not be kept as a comment \(gh: Resource .*HTTP 403/,
    );
    expect(await comment('exit 0', 'a"b')).toMatchObject({ code: 2, calls: '' });
  });

  test('uses the Node.js that is there, and pins what it uses', () => {
    expect(action).not.toContain('setup-node@');
    for (const [, reference = ''] of action.matchAll(/uses: (\S+)/g))
      expect(reference).toMatch(/@[0-9a-f]{40}$/);
    for (const name of ['ci', 'scale-out']) {
      const text = readFileSync(fileURLToPath(new URL(`../../docs/${name}.md`, import.meta.url)), 'utf8');
      for (const [, reference = ''] of text.matchAll(/uses: (actions\/\S+)/g))
        expect(reference).toMatch(/@[0-9a-f]{40}$/);
    }
  });
});
