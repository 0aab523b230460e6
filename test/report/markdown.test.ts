import { expect, test } from 'vitest';
import { markdown } from '../../src/report/markdown.js';
import { fullResult, hostileResult } from '../support/full-result.js';
import { sampleResult, usualSpeed } from '../support/result.js';

test('verdict, gates, change, before and after, drift, worst layers, warnings', () => {
  expect(markdown.render(fullResult())).toMatchSnapshot();
});

test('without gates and baseline it begins with what was quantized', () => {
  const text = markdown.render(sampleResult());
  expect(text).toMatch(
    /^### Quantization\n\n`net\.onnx` → `net\.minmax-w4a8\.onnx`: \*\*top-1 90\.14 % \(−1\.48 points\) · 0\.16× the size\*\*\n\nOf 5,000 answers, .*\n\n\| {2}\| float/,
  );
  expect(text).not.toMatch(/gate|Change since|WARNING/);
});

test('a name stays in its cell: every row of a table has as many as its head', () => {
  for (const name of ['a|b', '`|`', '\\|', 'x\n| y |', '<b>@all #1']) {
    const lines = markdown.render(hostileResult(name)).split('\n');
    const plain = markdown.render(hostileResult('n')).split('\n');
    // GitHub splits a row at every bar without a backslash before it, in code, too.
    const cells = (line: string) => (line.startsWith('|') ? line.split(/(?<!\\)\|/).length : 0);
    expect(lines.map(cells)).toEqual(plain.map(cells));
  }
});

test('other times change the last line, and a word of the verdict', () => {
  const result = fullResult();
  const speed = usualSpeed;
  const timing = {
    speed: { ...speed, floatMs: 9, quantizedMs: 11, ratio: 0.82 },
    elapsedMs: 99_000,
    at: '2031-01-02T03:04:05.000Z',
  };
  const [a, b] = [result, { ...result, timing }].map((each) =>
    markdown.render(each).trimEnd().replace(' · slower than float (0.82×)', '').split('\n'),
  );
  expect(a?.slice(0, -1)).toEqual(b?.slice(0, -1));
  expect(a?.at(-1)).toBe(
    'One run takes 0.403 ms instead of 0.865 ms (2.19× as fast on 1 thread); this took 13.0 s in all, on 2030-01-02 03:04 UTC.',
  );
  expect(b?.at(-1)).toContain('slower than the float one');
});
