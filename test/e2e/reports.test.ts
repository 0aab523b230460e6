import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { parseNpy } from '../../calibration/readers/npy-format.js';
import type { Result } from '../../src/report/result.js';
import { example, runCommand } from '../support/command.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const data = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '32'];
const labelled = ['--eval-data', example('digits-test.npy'), '--labels', example('digits-test-labels.npy')];
const narrow = ['--bits', '2', '--act-bits', '2', '--observer', 'mse', '--refine', 'none'];

/** A run of the sample with every report, at so few bits that some digits go wrong. */
async function reportsIn(folder: string): Promise<(ending: string) => string> {
  const pathOf = (ending: string) => join(folder, `report.${ending}`);
  const endings = ['html', 'md', 'xml', 'json'];
  const reports = endings.flatMap((ending) => ['--report', pathOf(ending)]);
  const args = [...data, ...labelled, ...narrow, '-o', join(folder, 'q.onnx'), ...reports];
  const { code, stderr } = await runCommand(example('digits.onnx'), ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return (ending) => readFileSync(pathOf(ending), 'utf8');
}

/** A page, or a record, without what may differ from run to run. */
const withoutTimes: Record<string, (text: string) => string> = {
  html: (text) => text.replace(/<div id="timing">[\s\S]*?<\/div>/, ''),
  md: (text) => text.replace(/\nOne run takes .*\n$/, ''),
  xml: (text) => text.replace(/ time="[\d.]+"/, ''),
  json: (text) => JSON.stringify({ ...JSON.parse(text), timing: null }),
};

test('every report of a run, the same bytes in the next one but for its times', async () => {
  const first = await reportsIn(temporaryFolder());
  const second = await reportsIn(temporaryFolder());
  for (const [ending, strip] of Object.entries(withoutTimes)) {
    expect(strip(first(ending)), ending).toBe(strip(second(ending)));
    expect(strip(first(ending)).length, ending).toBeLessThan(first(ending).length);
  }

  const result = JSON.parse(first('json')) as Result;
  const { task, mistakes, layers, distributions } = result;
  expect(task?.quantized).toBeLessThan(0.99);
  const lost = Math.round(((task?.float ?? 0) - (task?.quantized ?? 0)) * 797);
  expect(mistakes.length).toBeGreaterThanOrEqual(Math.min(lost, 12));
  // The sample's images are 8×8, from 0 to 16.
  expect(mistakes.every(({ thumbnail }) => thumbnail?.startsWith('data:image/png;base64,'))).toBe(true);
  const labels = parseNpy('', readFileSync(example('digits-test-labels.npy'))).data;
  for (const { sample, label, float } of mistakes) {
    expect(label).toBe(Number(labels[sample]));
    expect(float).toBe(label);
  }
  const worst = [...layers].sort((a, b) => (a.drift.sqnrDb ?? 99) - (b.drift.sqnrDb ?? 99)).slice(0, 4);
  expect([...new Set(distributions.map(({ id }) => id))]).toEqual(worst.map(({ id }) => id));
  expect(distributions.length).toBe(8);

  const { document } = parseHTML(first('html'));
  const plots = [...document.querySelectorAll('svg.plot')];
  expect(plots.length).toBe(13);
  for (const plot of plots) expect(plot.querySelectorAll('.mark > *').length).toBeGreaterThan(1);
  expect(document.querySelectorAll('#mistakes img').length).toBe(mistakes.length);
  expect(document.querySelector('pre')?.textContent.replace(/ \\\n */g, ' ')).toBe(
    'quantize digits.onnx --data digits-calib.npy --scale 1/16 --samples 32 --eval-data digits-test.npy ' +
      '--labels digits-test-labels.npy --bits 2 --act-bits 2 --refine none -o q.onnx',
  );
});

test('a report that cannot be is refused before any work, and writes nothing', async () => {
  const folder = temporaryFolder();
  const output = join(folder, 'q.onnx');
  const args = [example('digits.onnx'), '-o', output];
  const unknown = await runCommand(...args, '--report', join(folder, 'report.pdf'));
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('.json, .html, .md, .xml');
  const nowhere = await runCommand(...args, '--report', join(example('digits.onnx'), 'report.html'));
  expect(nowhere.code).toBe(3);
  expect(existsSync(output)).toBe(false);
});

test('--reporter prints any format', async () => {
  const args = [example('digits.onnx'), '-o', join(temporaryFolder(), 'q.onnx'), '--reporter'];
  const { stdout } = await runCommand(...args, 'github');
  expect(stdout).toMatch(/^::warning file=digits.onnx,title=Quantization of q\.onnx::Weights only/m);
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^::notice file=digits.onnx,title=q\.onnx::/);
});
