import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { renderPage } from '../../src/sweep/render-page.js';
import { renderTable } from '../../src/sweep/render-table.js';
import { sweepRecord, sweepResult } from '../support/sweep.js';

const results = [
  sweepResult('kmeans-w4a8', 194_000, { accuracy: 0.917, sqnrDb: 20.3, recipe: { scheme: 'kmeans' } }),
  sweepResult('kmeans-w4a4', 195_000, {
    accuracy: 0.903,
    sqnrDb: 13.3,
    recipe: { scheme: 'kmeans', activations: { bits: 4 } },
  }),
  sweepResult('minmax-w4a8', 196_000, { accuracy: 0.87, sqnrDb: 9, recipe: {} }),
];
const front = ['kmeans-w4a8', 'kmeans-w4a4'];
const choice = { limits: '--max-drift 0.5%', name: 'kmeans-w4a8', command: "quantize 'a b.onnx'" };

it('the table marks the front and names the best', () => {
  const lines = renderTable(sweepRecord(results, { front, choice })).split('\n');
  expect(lines[0]).toContain('net.onnx: 1.00 MB, top-1 92.00 %; 3 combinations on 1,000 evaluation samples');
  expect(lines.slice(2, 6)).toEqual([
    '  combination    size   ratio    top-1  points     SQNR',
    '* kmeans-w4a8  194 kB  0.194×  91.70 %   −0.30  20.3 dB',
    '* kmeans-w4a4  195 kB  0.195×  90.30 %   −1.70  13.3 dB',
    '  minmax-w4a8  196 kB  0.196×  87.00 %   −5.00   9.0 dB',
  ]);
  expect(lines).toContain("  quantize 'a b.onnx'");
  const none = renderTable(sweepRecord(results, { choice: { ...choice, name: null, command: null } }));
  expect(none).toContain('no combination keeps to --max-drift 0.5%');
});

it('the table has agreement without labels, and speed where it was measured', () => {
  const speed = { floatMs: 2, quantizedMs: 1, ratio: 2, runs: 15, threads: 1 };
  const [first, second] = results.map((result) => ({ ...result, task: null }));
  if (!first || !second) throw new Error('no results');
  const text = renderTable(sweepRecord([{ ...first, speed }, second]));
  expect(text).toMatch(/combination +size +ratio +same top-1 +SQNR +speed/);
  expect(text).toMatch(/kmeans-w4a8 +194 kB +0\.194× +91\.70 % +20\.3 dB +2\.00×/);
});

it('the page has a point for each result, and a policy that lets its own style be and nothing else', () => {
  const page = renderPage(sweepRecord(results, { front, choice }));
  // A point for each result and one for float, in the pictures for pages of three widths.
  const plots = page.match(/<svg aria-label.*?<\/svg>/gs) ?? [];
  expect(plots.map((plot) => plot.match(/<title>/g)?.length)).toEqual([4, 4, 4]);
  expect(plots[0]).toContain('kmeans-w4a4\nsize 195 kB, ratio 0.195×, top-1 90.30 %');
  const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(page).toContain(`content="default-src 'none'; style-src 'sha256-${hash}';`);
  // Nothing that the policy would refuse: styles of single elements.
  expect(page).not.toMatch(/ style=|javascript:/);
  expect(page.match(/<script/g)?.length).toBe(1);
  expect(page.replace(/<script>.*<\/script>/s, '')).not.toContain('NaN');
});

it('text from outside is text, and odd values have a place', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const odd = [
    { ...sweepResult(evil, 10, { sqnrDb: null, labelled: false }) },
    { ...sweepResult('b', 10, { sqnrDb: 3, labelled: false }) },
  ];
  const float = { name: evil, sizeBytes: 100, sha256: 'aa' };
  for (const record of [
    sweepRecord(odd, { float }),
    sweepRecord(odd.slice(0, 1), { float }),
    sweepRecord([]),
  ]) {
    const page = renderPage(record);
    expect(page).not.toContain('<img');
    expect(page.replace(/<script>.*<\/script>/s, '')).not.toMatch(/NaN|Infinity/);
  }
});
