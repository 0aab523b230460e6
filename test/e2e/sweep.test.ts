import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../src/cli/run.js';
import { QuantizeError, sweep } from '../../src/index.js';
import type { Result } from '../../src/report/result.js';
import type { SweepRecord } from '../../src/sweep/record.js';
import { bin, example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A folder with the sample model, and paths in it. */
function workplace() {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  copyFileSync(example('digits.onnx'), at('digits.onnx'));
  return { folder, at, model: at('digits.onnx') };
}

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16'];
const labelled = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];
const unrefined = ['--refine', 'none'];
const axes = ['--schemes', 'kmeans,minmax', '--bits', '2', '--act-bits', '8,4', '--observers', 'mse'].concat(
  unrefined,
);

async function recordOf(...args: string[]): Promise<SweepRecord> {
  const { code, stdout, stderr } = await runCommand('sweep', ...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as SweepRecord;
}

/** Words of a command, as a shell parts them; nothing in these needs quotes. */
const words = (command: string | undefined) => (command ?? '').split(' ').slice(1);

test('every combination is what quantize makes of it, and the best has its command', async () => {
  const { folder, at, model } = workplace();
  const limits = ['--max-size', '100KB', '--max-drift', '1%'];
  const record = await recordOf(
    model,
    ...data,
    ...labelled,
    ...axes,
    ...limits,
    '--report',
    at('sweep.html'),
  );
  expect(record.results.map(({ name }) => name)).toEqual([
    'kmeans-w2a8-none',
    'kmeans-w2a4-none',
    'minmax-w2a8-none',
    'minmax-w2a4-none',
  ]);
  expect(record).toMatchObject({
    schemaVersion: 2,
    missing: 0,
    others: [],
    calibration: { label: 'digits-calib.npy', samples: 256 },
    evaluation: { label: 'digits-test.npy', samples: 797, kind: 'evaluation' },
    choice: { limits: '--max-size 100000 --max-drift 1%' },
  });
  expect(JSON.parse(readFileSync(at('digits.sweep.json'), 'utf8'))).toEqual(record);
  // Two bits of min-max are no model any more; the page shows all the same: each, and float, for three widths.
  expect(record.results[2]?.task?.quantized).toBeLessThan(0.5);
  expect(readFileSync(at('sweep.html'), 'utf8').match(/<title>/g)).toHaveLength(1 + 3 * (4 + 1));
  expect(readdirSync(folder).sort()).toEqual(['digits.onnx', 'digits.sweep.json', 'sweep.html']);

  const best = record.results.find(({ name }) => name === record.choice?.name);
  expect(record.choice?.command).toMatch(/^quantize digits\.onnx --data digits-calib\.npy /);
  // All is finished: the table is of the same record, and its command can be typed here.
  const { stdout: shown } = await runCommand('sweep', model, ...data, ...labelled, ...axes, ...limits);
  const typed = shown.trimEnd().split('\n').at(-1)?.trim();
  const made = await runCommand(...words(typed), '-o', at('best.onnx'), '--json');
  const result = JSON.parse(made.stdout) as Result;
  expect(result.quantized).toMatchObject({ sizeBytes: best?.sizeBytes, sha256: best?.sha256 });
  expect(
    createHash('sha256')
      .update(readFileSync(at('best.onnx')))
      .digest('hex'),
  ).toBe(best?.sha256);
  expect(result.task).toEqual(best?.task);
  const { sqnrDb, cosine, topOneAgreement } = result.outputs[0]?.deployed ?? {};
  expect(best?.outputs).toEqual([{ name: 'logits', sqnrDb, cosine, topOneAgreement }]);
});

test('a run that was stopped goes on, to the bytes of one that was not', async () => {
  const { at, model } = workplace();
  const options = {
    model,
    data: example('digits-calib.npy'),
    preprocess: { label: '--scale 1/16', scale: 1 / 16, mean: [0], std: [1], layout: undefined },
    evalData: example('digits-test.npy'),
    labels: example('digits-test-labels.npy'),
    schemes: ['mse'],
    bits: [2, 3, 4],
    refines: ['none'],
  };
  const whole = await sweep({ ...options, output: at('whole.json') });

  const controller = new AbortController();
  const output = at('parts.json');
  const work = sweep({
    ...options,
    output,
    signal: controller.signal,
    // In the middle of the second combination.
    onProgress: ({ step, done }) => {
      if (step.startsWith('mse-w3a8-none') && done > 100) controller.abort('enough');
    },
  });
  const error = await work.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(QuantizeError);
  expect([error.code, error.exitCode, error.cause]).toEqual(['sweep-interrupted', 130, 'enough']);
  expect(error.message).toMatch(
    /^Stopped in step "mse-w3a8-none \(2 of 3\)", after \d+ of 797 samples: 1 of 3 combinations are kept in .*parts\.json\.$/,
  );
  const kept = JSON.parse(readFileSync(output, 'utf8')) as SweepRecord;
  expect([kept.results, kept.missing]).toEqual([whole.results.slice(0, 1), 2]);

  const steps: string[] = [];
  await sweep({ ...options, output, onStep: (step) => steps.push(step) });
  expect(steps.filter((step) => step.startsWith('mse'))).toEqual([
    'mse-w3a8-none (2 of 3)',
    'mse-w4a8-none (3 of 3)',
  ]);
  expect(readFileSync(output, 'utf8')).toBe(readFileSync(at('whole.json'), 'utf8'));

  // Nothing is left to do: the float model is not run again, and the file is as it was.
  steps.length = 0;
  expect(await sweep({ ...options, output, onStep: (step) => steps.push(step) })).toEqual(whole);
  expect(steps).not.toContain('record float');
  expect(steps).not.toContain('calibrate');

  // Fewer combinations keep the results of the others, and more take them up.
  const fewer = await sweep({ ...options, output, bits: [4] });
  expect([fewer.results, fewer.others]).toEqual([whole.results.slice(2), whole.results.slice(0, 2)]);
  expect(await sweep({ ...options, output, bits: [2, 3, 4] })).toEqual(whole);

  // Other samples, another sweep.
  const text = readFileSync(output, 'utf8');
  await expect(sweep({ ...options, output, samples: 40 })).rejects.toThrow('another set of samples');
  expect(readFileSync(output, 'utf8')).toBe(text);
});

test('without samples it sweeps over weights, and statistics take the place of samples', async () => {
  const { at, model } = workplace();
  const blocks = ['--format', 'matmulnbits', '--bits', '4,8', '--min-sqnr', '30'];
  const weights = await recordOf(model, ...blocks);
  expect(weights).toMatchObject({ calibration: null, evaluation: { kind: 'synthetic' } });
  expect(weights.results.map(({ name }) => name)).toEqual(['minmax-w4-b32', 'minmax-w8-b32']);
  expect(weights.choice?.command).toContain('--format matmulnbits');

  await runCommand('calibrate', model, ...data);
  const shared = [...data, '--bits', '4', '--act-bits', '8,float', ...unrefined];
  const observed = await recordOf(model, ...shared, '-o', at('a.json'));
  const stored = await recordOf(model, ...shared, '--stats', at('digits.stats.json'), '-o', at('b.json'));
  expect(stored.results).toEqual(observed.results);
  expect(stored.results.map(({ recipe }) => recipe.activations.kind)).toEqual(['static', 'float']);
});

/** An output that keeps what it is given. */
class Lines {
  text = '';

  write(part: string): void {
    this.text += part;
  }
}

test('what cannot be is refused before any work', async () => {
  const { at, model } = workplace();
  writeFileSync(at('other.json'), '{"precious": true}');
  for (const [args, says] of [
    [['--schemes', 'best'], /--schemes cannot be "best"/],
    [['--bits', '4,9'], /--bits cannot be "9"/],
    [['--bits', '4,'], /--bits cannot be "4,"/],
    [['--act-bits', '8'], /--act-bits 8 needs samples/],
    [['--max-drift', '0.5'], /--max-drift cannot be "0.5"/],
    [['--max-size', 'small'], /--max-size cannot be "small"/],
    [['--report', model], /--report cannot be ".*": a sweep is written as a page or as a table/],
    [['-o', at('new.html'), '--report', at('new.html')], /which is another file of this run/],
    [['-o', model], /is the input itself/],
    [['-o', at('other.json')], /other\.json is not a sweep file of version 2: it has no version/],
    [['--stats', at('other.json'), ...data], /not a statistics file/],
  ] as const) {
    const [stdout, stderr] = [new Lines(), new Lines()];
    const fake = { argv: ['node', 'quantize', 'sweep', model, ...args], stdout, stderr, exitCode: undefined };
    await run(fake);
    expect(stderr.text).toMatch(says);
    expect([fake.exitCode, stdout.text]).toEqual([2, '']);
  }
  expect(readFileSync(at('other.json'), 'utf8')).toBe('{"precious": true}');
});

/** Makes a child believe that its stderr is a terminal, so that it shows what it is at. */
const terminal = 'data:text/javascript,process.stderr.isTTY=true';

test.skipIf(process.platform === 'win32')('Ctrl-C says what was kept', async () => {
  const { at, model } = workplace();
  const args = ['sweep', model, ...data, '--bits', '8,7,6,5,4,3,2', '--schemes', 'minmax,mse,kmeans,lsq'];
  const child = spawn(process.execPath, ['--import', terminal, bin, ...args]);
  let stderr = '';
  let sent = false;
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
    if (sent || !stderr.includes('(3 of 28)')) return;
    sent = true;
    child.kill('SIGINT');
  });
  const ended = await new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])));
  expect(ended).toEqual([130, null]);
  expect(stderr).toMatch(
    /Stopped in step .*: (\d+) of 28 combinations are kept in .*digits\.sweep\.json\.\n.*again/,
  );
  const kept = JSON.parse(readFileSync(at('digits.sweep.json'), 'utf8')) as SweepRecord;
  expect(kept.results.length).toBeGreaterThanOrEqual(2);
  expect(kept.results.length + kept.missing).toBe(28);
});
