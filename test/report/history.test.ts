import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { comment } from '../../src/report/comment.js';
import { appendHistory, earlierRuns, pointOf, readHistory } from '../../src/report/history.js';
import { renderPage } from '../../src/report/html/page.js';
import { markdown } from '../../src/report/markdown.js';
import { openmetrics } from '../../src/report/openmetrics.js';
import { sparkline, trendsOf } from '../../src/report/trend.js';
import { fullResult } from '../support/full-result.js';
import { checkMarkup } from '../support/markup.js';
import { sampleResult } from '../support/result.js';
import { temporaryFile } from '../support/temporary-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('each run is a line, and what is read is what was added', async () => {
  const path = join(temporaryFolder(), 'runs.ndjson');
  expect(await readHistory(path)).toEqual([]);
  await appendHistory(path, sampleResult());
  await appendHistory(path, sampleResult({ task: null }));
  expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  const runs = await readHistory(path);
  expect(runs[0]).toEqual(pointOf(sampleResult()));
  expect(runs.map(({ top1 }) => top1)).toEqual([0.9014, null]);
  expect(earlierRuns(runs, sampleResult())).toHaveLength(2);
  const other = sampleResult({ quantized: { ...sampleResult().quantized, name: 'other.onnx' } });
  expect(earlierRuns(runs, other)).toEqual([]);
});

test.each(['{', '[]', '{"at":"2030"}'])('a line %s is refused with its place', async (line) => {
  const good = JSON.stringify(pointOf(sampleResult()));
  const path = temporaryFile('runs.ndjson', `${good}\n\n${line}\n`);
  await expect(readHistory(path)).rejects.toMatchObject({
    code: 'bad-value',
    facts: { where: `${path}: line 3` },
  });
});

const history = [
  { ...pointOf(sampleResult()), sizeBytes: 200_000, top1: 0.9 },
  { ...pointOf(sampleResult()), sizeBytes: 160_000, top1: null },
];

test('of several sets each has its trend', () => {
  const { outputs, task, metrics } = sampleResult();
  const sets = [
    { name: 'day', label: 'd.npy', samples: 10, preprocess: 'none', outputs, task, metrics },
    {
      name: 'night',
      label: 'n.npy',
      samples: 10,
      preprocess: 'none',
      outputs,
      metrics,
      task: task && { ...task, quantized: 0.85 },
    },
  ];
  const point = pointOf(sampleResult({ sets }));
  expect(point.sets?.night).toEqual({ top1: 0.85, agreement: 0.9918, sqnrDb: point.sqnrDb });
  const before = { ...point, sets: { night: { top1: 0.8, agreement: null, sqnrDb: null } } };
  const trends = trendsOf(sampleResult({ sets, history: [before] }));
  expect(trends.find(({ name }) => name === 'top-1 on night')).toMatchObject({
    now: '85.00 %',
    change: '+5.00 points',
  });
});

test('the trend, against the last run that measured it', () => {
  const [size, top1] = trendsOf(sampleResult({ history }));
  // 176,000 after 160,000; 90.14 % after 90 %.
  expect(size).toMatchObject({ first: '200 kB', now: '176 kB', change: '+10.0 %' });
  expect(top1).toMatchObject({ values: [0.9, null, 0.9014], change: '+0.14 points' });
  expect(trendsOf(sampleResult())).toEqual([]);
  expect(sparkline([1, null, 2, 3])).toBe('▁·▅█');
  const page = renderPage(sampleResult({ history }));
  checkMarkup(page, 'html');
  expect(page).toContain('2 earlier runs since 2030-01-02 03:04 UTC');
  const text = markdown.render(sampleResult({ history }));
  expect(text).toContain('**Trend over 2 earlier runs**');
  expect(text.trimEnd().split('\n').at(-1)).toContain('Speed over the runs: ');
});

test('a comment is one line with deltas, and the report folded', () => {
  const baseline = {
    name: 'main.json',
    changes: [{ metric: 'top1', before: 0.912, after: 0.9014, shown: '−1.06 points' }],
  };
  const [line, ...rest] = comment.render(fullResult({ baseline })).split('\n');
  expect(line).toBe(
    '❌ **`net.minmax-w4a8.onnx`** 176 kB (=) · top-1 90.14 % (−1.06 points, worse) · 2.19× as fast · missed: `top1_drop<0.5%`, `sqnr[logits]>=31`, `mean_iou_drop<1%`',
  );
  expect(rest.join('\n')).toMatch(/^\n<details><summary>Report<\/summary>\n\n### ❌/);
});

test('OpenMetrics: a gauge for each number, and its end', () => {
  const lines = openmetrics.render(sampleResult()).trimEnd().split('\n');
  expect(lines).toContain('quantize_size{model="net.minmax-w4a8.onnx"} 176000');
  expect(lines).toContain('quantize_top1{model="net.minmax-w4a8.onnx"} 0.9014');
  expect(lines.at(-1)).toBe('# EOF');
  const names = lines.filter((line) => line.startsWith('# TYPE'));
  expect(new Set(names).size).toBe(names.length);
});
