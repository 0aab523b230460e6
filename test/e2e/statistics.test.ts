import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { calibrate, QuantizeError, type RunProgress } from '../../src/index.js';
import type { Result } from '../../src/report/result.js';
import { bin, example, runCommand } from '../support/command.js';
import { npyBytes } from '../support/npy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];

/** A folder with the sample model, and paths in it. */
function workplace() {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  copyFileSync(example('digits.onnx'), at('digits.onnx'));
  return { folder, at, model: at('digits.onnx') };
}

async function succeed(...args: string[]) {
  const outcome = await runCommand(...args);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return outcome.stdout;
}

test('one calibration serves every recipe, with the same bytes as the samples themselves', async () => {
  const { at, model } = workplace();
  const said = await succeed('calibrate', model, ...data);
  expect(said).toMatch(/^digits\.stats\.json: \d+ tensors on 256 samples of digits-calib\.npy, [\d.]+ kB\n$/);
  const recipes = [
    ['--refine', 'none'],
    [
      '--bits',
      '4',
      '--act-bits',
      '4',
      '--observer',
      'mse',
      '--all-layers',
      '--exclude',
      '/residual/*',
      '--refine',
      'none',
    ],
  ];
  for (const recipe of recipes) {
    await succeed(model, ...data, ...recipe, '-o', at('data.onnx'));
    const stats = ['--stats', at('digits.stats.json')];
    const result = JSON.parse(
      await succeed(model, ...stats, ...recipe, '-o', at('stats.onnx'), '--json'),
    ) as Result;
    expect(readFileSync(at('stats.onnx')).equals(readFileSync(at('data.onnx')))).toBe(true);
    expect(result.calibration).toEqual({
      label: 'digits-calib.npy',
      samples: 256,
      preprocess: '--scale 1/16',
    });
    expect(result.evaluation.kind).toBe('synthetic');
    expect(result.runtime.provider).toBe('cpu');
  }
});

test('with statistics, --data and --eval-data only measure', async () => {
  const { at, model } = workplace();
  await succeed('calibrate', model, ...data, '--samples', '20', '-o', at('s.json'));
  const kinds = [];
  for (const more of [data, ['--eval-data', example('digits-test.npy'), '--scale', '1/16', ...data]]) {
    const out = await succeed(model, '--stats', at('s.json'), ...more, '-o', at('q.onnx'), '--json');
    const { calibration, evaluation } = JSON.parse(out) as Result;
    kinds.push([calibration?.samples, evaluation.kind, evaluation.samples]);
  }
  expect(kinds).toEqual([
    [20, 'calibration', 256],
    [20, 'evaluation', 797],
  ]);
});

test('shards merge to the bytes of the whole, in any order', async () => {
  const { at, model } = workplace();
  const chosen = [...data, '--samples', '100', '--seed', '5'];
  await succeed('calibrate', model, ...chosen, '-o', at('whole.json'));
  const shards = ['1', '2', '3'].map((i) => at(`digits.stats.${i}-of-3.json`));
  for (const i of [1, 2, 3]) await succeed('calibrate', model, ...chosen, '--shard', `${i}/3`);
  const [a, b, c] = shards as [string, string, string];
  const said = await succeed('merge', c, a, b, '-o', at('all.json'), '--json');
  expect(JSON.parse(said)).toMatchObject({ name: 'all.json', samples: 100 });
  expect(readFileSync(at('all.json')).equals(readFileSync(at('whole.json')))).toBe(true);

  const missing = await runCommand('merge', a, c, '-o', at('all.json'));
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toMatch(/shard 2\/3 is missing.*\n.*--shard 2\/3/);
  const part = await runCommand(model, '--stats', b);
  expect(part.stderr).toMatch(/2-of-3\.json is shard 2 of 3, not the whole\.\n.*quantize merge/);
  expect((await runCommand('merge', a, b, c, '-o', a)).stderr).toContain('is the input itself');
  expect(readFileSync(at('all.json')).equals(readFileSync(at('whole.json')))).toBe(true);
});

test('statistics that do not fit are refused, with what to do', async () => {
  const { at, model } = workplace();
  await succeed('calibrate', model, ...data, '--samples', '4', '-o', at('s.json'));
  const text = readFileSync(at('s.json'), 'utf8');
  writeFileSync(at('cut.json'), text.slice(0, text.length / 2));
  writeFileSync(at('old.json'), text.replace('"schemaVersion":2', '"schemaVersion":1'));
  writeFileSync(at('flipped.json'), text.replace('"samples":4', '"samples":3'));
  // One weight of the model's another bit: the bytes of a float32 constant, from the middle of the file.
  const bytes = readFileSync(model);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] as number) ^ 1;
  writeFileSync(at('other.onnx'), bytes);

  const stats = (path: string, ...rest: string[]) => [model, '--stats', at(path), ...rest];
  for (const [args, says] of [
    [stats('nowhere.json'), /no file .*nowhere\.json/],
    [stats('cut.json'), /cut\.json is not a statistics file of version 2/],
    [stats('old.json'), /its version is 1\.\n.*quantize calibrate/],
    [stats('flipped.json'), /damaged, its checksum does not fit/],
    [stats('digits.onnx'), /digits\.onnx is not a statistics file/],
    [
      [at('other.onnx'), '--stats', at('s.json')],
      /s\.json holds the statistics of another model, not of .*other\.onnx/,
    ],
    [stats('s.json', '--dynamic'), /--stats has no use with --dynamic/],
    [stats('s.json', '--act-bits', 'float'), /--stats has no use with --act-bits float/],
    [stats('s.json', '-o', at('s.json')), /s\.json is the input itself/],
    [['calibrate', model, ...data, '--shard', '3/2'], /--shard cannot be "3"/],
    [['calibrate', model, ...data, '--samples', '2', '--shard', '1/3'], /2 samples are 2 runs/],
    [['calibrate', model], /--data is missing/],
    [['calibrate', model, ...data, '--provider', 'abacus'], /--provider/],
  ] as const) {
    const outcome = await runCommand(...args);
    expect(outcome.stderr).toMatch(says);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  }
  expect(readFileSync(at('s.json'), 'utf8')).toBe(text);
});

test('the library tells its progress, and a signal stops it', async () => {
  const { folder, at, model } = workplace();
  writeFileSync(at('calib.npy'), npyBytes('<f4', [9, 1, 8, 8], new Float32Array(9 * 64).fill(0.5)));
  const controller = new AbortController();
  const told: RunProgress[] = [];
  const work = calibrate({
    model,
    data: at('calib.npy'),
    output: at('s.json'),
    signal: controller.signal,
    onProgress: (progress) => {
      told.push(progress);
      if (progress.done >= 3) controller.abort();
    },
  });
  const error = await work.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(QuantizeError);
  expect(error.message).toContain(`Stopped in step "calibrate", after ${told.at(-1)?.done} of 9 samples`);
  expect(told[0]).toMatchObject({ step: 'calibrate', total: 9 });
  expect(told.at(-1)?.done).toBeLessThan(9);
  expect(readdirSync(folder).sort()).toEqual(['calib.npy', 'digits.onnx']);
});

/** Makes a child believe that its stderr is a terminal, so that it shows when it is in the middle of its samples. */
const terminal = 'data:text/javascript,process.stderr.isTTY=true';

test.skipIf(process.platform === 'win32')('Ctrl-C stops between two runs of the model', async () => {
  const { folder, at, model } = workplace();
  // Many more samples than run between the first sign of progress and the signal.
  const samples = 200_000;
  writeFileSync(at('many.npy'), npyBytes('|u1', [samples, 8, 8, 1], new Uint8Array(64 * samples).fill(7)));
  writeFileSync(at('digits.stats.json'), 'precious');
  const args = ['calibrate', model, '--data', at('many.npy'), '--scale', '1/16'];
  const child = spawn(process.execPath, ['--import', terminal, bin, ...args]);
  let stderr = '';
  let sent = false;
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
    if (sent || !stderr.includes('samples')) return;
    sent = true;
    child.kill('SIGINT');
  });
  const ended = await new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])));
  expect(ended).toEqual([130, null]);
  expect(stderr).toMatch(
    /Stopped in step "calibrate", after \d+ of 200000 samples: nothing was written, and every file is as it was\.\n.*--shard/,
  );
  expect(readFileSync(at('digits.stats.json'), 'utf8')).toBe('precious');
  expect(readdirSync(folder).sort()).toEqual(['digits.onnx', 'digits.stats.json', 'many.npy']);
  expect(existsSync(at('digits.stats.json.partial'))).toBe(false);
});
