import { execFileSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { html } from '../../src/report/html.js';
import { markdown } from '../../src/report/markdown.js';
import type { Result } from '../../src/report/result.js';
import { terminal } from '../../src/report/terminal.js';
import { fullResult } from '../support/full-result.js';
import { sampleResult, usualSpeed } from '../support/result.js';

/** The report without colours. */
const render = (...args: Parameters<typeof sampleResult>) =>
  stripVTControlCharacters(terminal.render(sampleResult(...args)));

test('the verdict comes first: accuracy and size', () => {
  const [names, verdict] = render().split('\n');
  expect(names).toBe('net.onnx → net.minmax-w4a8.onnx');
  // 91.62 % − 90.14 % = 1.48 points; 176,000 / 1,116,434 = 0.158.
  expect(verdict).toBe('top-1 90.14 % (−1.48 points) · 0.16× the size');
});

test('the whole report fits 80 columns and is as it was', () => {
  const text = render();
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).toMatchSnapshot();
});

test('without labels the verdict is the agreement, and without classes the SQNR', () => {
  expect(render({ task: null })).toMatch(/^same top-1 on 99\.18 % · /m);
  const [output] = sampleResult().outputs;
  if (!output) throw new Error('the sample has an output');
  const deployed = { ...output.deployed, topOneAgreement: null };
  expect(render({ task: null, outputs: [{ ...output, deployed }] })).toMatch(/^SQNR 30\.4 dB · /m);
});

test('the worst layers come with how to find what mends them; a layer without error is not among the worst', () => {
  const text = render();
  expect(text).toMatch(/worst layers[^\n]*\n {2}conv2_out\s+12\.3 dB\s+4 bits/);
  expect(text).toContain('--suggest tries what mends them');
  expect(text).not.toMatch(/fc_out/);
});

test('control characters of a model never reach the terminal', () => {
  const float = { ...sampleResult().float, name: 'evil\u001b[2J\u202e.onnx' };
  const text = terminal.render(sampleResult({ float }));
  expect(text).not.toContain('\u001b[2J');
  expect(text).not.toContain('\u202e');
  expect(text).toContain('evil\\u001b[2J\\u202e.onnx');
});

test('gates come with the verdict, each with what was measured or why it was not', () => {
  const text = stripVTControlCharacters(terminal.render(fullResult()));
  expect(text.split('\n').slice(0, 10)).toEqual([
    'FAILED  2 of 4 gates failed',
    'net.onnx → net.minmax-w4a8.onnx',
    'top-1 90.14 % (−1.48 points) · 0.16× the size',
    '',
    'gates',
    '  FAILED   top1_drop<0.5%    1.48 %',
    '  passed   size<300KB        176 kB',
    '  warning  sqnr[logits]>=31  30.4 dB',
    '  FAILED   mean_iou_drop<1%  not measured',
    '    the metric module gave no finite number for the quantized model',
  ]);
  expect(text).toMatch(/since main\.json\n {2}top1 {2}91\.20 % {2}→ {2}90\.14 % {2}−1\.06 points, worse/);
});

test('a change that cannot be told has a sentence of its own, behind the figures', () => {
  const baseline = fullResult().baseline;
  if (!baseline) throw new Error('the sample has a baseline');
  const shown = 'new: no metric of your own was given, with --metric, in the baseline';
  const changes = [{ metric: 'user.iou', before: null, after: 0.5, shown }, ...baseline.changes];
  const text = stripVTControlCharacters(terminal.render(fullResult({ baseline: { ...baseline, changes } })));
  expect(text).toMatch(
    /since main\.json\n {2}top1 {2}91\.20 % {2}→ {2}90\.14 % {2}−1\.06 points, worse\n {2}user\.iou: new: no metric/,
  );
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('ranges that need no samples are not said to come from 0 of them', () => {
  const text = render({ calibration: { label: 'BatchNormalization', samples: 0, preprocess: 'none' } });
  expect(text).toMatch(/^activation ranges from BatchNormalization, without samples$/m);
});

test('long names and many outputs fit 80 columns; the noisiest outputs are shown', () => {
  const name = `/model/backbone/${'block/'.repeat(30)}Conv_output_0`;
  const [output] = sampleResult().outputs;
  if (!output) throw new Error('the sample has an output');
  const outputs = Array.from({ length: 40 }, (_, i) => ({
    ...output,
    name: `${i}${name}`,
    deployed: { ...output.deployed, sqnrDb: i % 7 === 0 ? 10 + i : 90 },
  }));
  const warnings = [`Layer "${'x y '.repeat(60)}" has biases too large for its steps.`];
  const float = { ...sampleResult().float, name: `${'long-'.repeat(12)}.onnx` };
  const text = stripVTControlCharacters(terminal.render(fullResult({ outputs, warnings, float })));
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  // 0, 7, …, 35 are noisier than the others, of which the first fill up to eight.
  const shown = [...text.matchAll(/^ {2}(\d+)\/model.*dB/gm)].map(([, i]) => Number(i));
  expect(shown).toEqual([0, 1, 2, 7, 14, 21, 28, 35]);
  expect(text).toContain('and 32 outputs with less noise');
});

test('other times change the row of the run, the warning below it, and a word of the verdict', () => {
  const result = fullResult();
  const timing = {
    speed: { ...usualSpeed, floatMs: 9, quantizedMs: 11, ratio: 0.82 },
    elapsedMs: 1,
    at: '2031-01-02T03:04:05.000Z',
  };
  const [a, b] = [result, { ...result, timing }].map((each) =>
    stripVTControlCharacters(terminal.render(each))
      .split('\n')
      .filter((line) => !/^one run|^warning: The quantized model is slower/.test(line))
      .map((line) => line.replace(/ +/g, ' ').replace(/ · slower than float \(0\.82×\)$/, '')),
  );
  expect(a).toEqual(b);
});

test('what was tuned for speed stands with the times, in every form', async () => {
  const result = sampleResult();
  const withTuning = (layers: string[]) => ({
    ...result,
    timing: { ...result.timing, tuning: { layers, gain: 1.284, tried: 7 } },
  });
  const two = withTuning(['a', 'b']);
  const said = 'tuned for speed: 2 layers calculate in float, 1.28× as fast as without (7 models timed)';
  const texts = [
    stripVTControlCharacters(terminal.render(two)).replace(/\s+/g, ' '),
    markdown.render(two),
    await html.render(two),
  ];
  for (const text of texts) expect(text.toLowerCase()).toContain(said);
  expect(terminal.render(withTuning(['a'])).replace(/\s+/g, ' ')).toContain('1 layer calculates in float');
  expect(terminal.render(withTuning([])).replace(/\s+/g, ' ')).toContain('no layer is faster in float here');
  expect(terminal.render(result)).not.toContain('tuned for speed');
});

test('no colour where NO_COLOR is set, whatever else asks for some', () => {
  const script = `
    import { terminal } from ${JSON.stringify(new URL('../../dist/src/report/terminal.js', import.meta.url).href)};
    process.stdout.write(terminal.render(${JSON.stringify(fullResult())}));`;
  const run = (env: NodeJS.ProcessEnv) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: process.env.PATH, ...env },
      encoding: 'utf8',
    });
  expect(run({ FORCE_COLOR: '1' })).toContain('\u001b[');
  expect(run({ FORCE_COLOR: '1', NO_COLOR: '1' })).not.toContain('\u001b[');
  // Without a terminal there is none either.
  expect(run({})).not.toContain('\u001b[');
});

describe('a comparison', () => {
  const { outputs, layers } = sampleResult();
  const compared = (changes: Partial<Result> = {}) =>
    render({
      command: 'compare',
      recipe: null,
      calibration: null,
      comparison: {
        floatForm: 'float32',
        quantizedForm: 'integer-operators',
        layers: 4,
        notes: [
          'Input "x" is converted from float32 to float16 for the quantized model.',
          `Output "${'long_'.repeat(9)}" is compared with "y", by order: their names differ.`,
        ],
      },
      layers: layers.map((each, i) => ({ ...each, matchedBy: i === 0 ? 'name' : 'order' })),
      ...changes,
    });

  test('says what the models are and how layers were found, and offers no flag', () => {
    const text = compared();
    expect(text).toMatch(
      /^integer operators against float32; 4 layers: 1 by name, 2 by order, 1 not found$/m,
    );
    expect(text).toMatch(/^Input "x" is converted/m);
    expect(text).toMatch(/^ {4}optimizations off \(first 128\)/m);
    expect(text).not.toMatch(/--suggest|calibrat|int kernels|null/);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(compared({ layers: [] })).toMatch(/4 layers: none was found$/m);
  });

  test('without labels shows errors and directions', () => {
    // Class scores are judged by their ranking.
    expect(compared({ task: null })).not.toMatch(/error within|as embeddings/);
    const rows = outputs.map((output) => ({
      ...output,
      deployed: { ...output.deployed, topOneAgreement: null },
    }));
    const text = compared({ task: null, outputs: rows });
    expect(text).toMatch(
      /^ {4}as embeddings: mean cosine 0\.99941, least 0\.9713\n {4}rank correlation of their similarities 0\.9987 \(first 256\)$/m,
    );
    const regression = outputs.map((output) => ({
      ...output,
      embedding: null,
      deployed: { ...output.deployed, topOneAgreement: null },
    }));
    expect(compared({ task: null, outputs: regression })).toMatch(
      /^ {4}error within 0\.120 \(50 %\), 0\.640 \(99 %\), 1\.02 \(99\.9 %\)$/m,
    );
  });
});

test('embeddings are judged by their direction', () => {
  const outputs = sampleResult().outputs.map((output) => ({
    ...output,
    embedding: output.embedding && { ...output.embedding, isUnitLength: true },
  }));
  expect(render({ task: null, outputs })).toMatch(/^embeddings keep a cosine of 0\.9994 \(least 0\.9713\)/m);
});

test('a drop that is not told from noise says so', () => {
  const { task } = sampleResult();
  expect(render()).toMatch(
    /^ {2}top-1 changes by −2\.01 to −0\.98 points \(95 % interval\): told from noise$/m,
  );
  const topOneDrop = { lost: 30, gained: 20, drop: 0.002, low: -0.0008, high: 0.0049, isSignificant: false };
  expect(render({ task: task && { ...task, topOneDrop } })).toMatch(
    /changes by −0\.49 to \+0\.08 points \(95 % interval\): not told from noise/,
  );
});

test("a user's own metrics stand before and after; what could not be computed is a dash", () => {
  const metrics = [
    { name: 'iou', float: 0.71, quantized: 0.698 },
    { name: 'agreement', float: null, quantized: 0.97 },
    { name: 'broken', float: null, quantized: null },
    { name: 'mean_average_precision_over_all_of_the_classes', float: -0.000123456, quantized: 1e21 },
  ];
  const text = render({ metrics });
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).toMatch(/^iou +0\.71000 +0\.69800$/m);
  expect(text).toMatch(/^agreement +– +0\.97000$/m);
  expect(text).toMatch(/^broken +– +–$/m);
});
