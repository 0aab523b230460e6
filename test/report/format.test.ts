import { expect, test } from 'vitest';
import type { OutputDrift } from '../../src/evaluate/compare-outputs.js';
import {
  alignColumns,
  formatBytes,
  formatDb,
  formatMs,
  formatPercent,
  formatSigned,
  formatSqnr,
  formatWorst,
} from '../../src/report/format.js';
import { sampleResult } from '../support/result.js';

test('numbers as people read them', () => {
  expect(formatBytes(999)).toBe('999 B');
  expect(formatBytes(92_900)).toBe('92.9 kB');
  expect(formatBytes(1_116_434)).toBe('1.12 MB');
  expect(formatMs(0.4031)).toBe('0.403 ms');
  expect(formatMs(1234.5)).toBe('1235 ms');
  expect(formatPercent(795 / 797)).toBe('99.75 %');
  expect(formatDb(null)).toBe('identical');
  expect(formatDb(30.44)).toBe('30.4 dB');
  expect(formatSigned(-1.476, 2)).toBe('−1.48');
  expect(formatSigned(0, 2)).toBe('+0.00');
});

test.each([
  [{ sqnrDb: 20 }, '20.0 dB'],
  [{ sqnrDb: 20, nonFiniteMismatches: 1 }, '20.0 dB'],
  [{}, 'identical'],
  [{ nonFiniteMismatches: 1 }, 'not finite'],
  [{ shapeMismatches: 1 }, 'other shape'],
])('what was not compared is not identical: %j', (found, says) => {
  expect(formatSqnr({ sqnrDb: null, nonFiniteMismatches: 0, shapeMismatches: 0, ...found })).toBe(says);
});

test('an output is as its worst group of channels', () => {
  const drift = (sampleResult().outputs[0] as OutputDrift).deployed;
  const group = { axis: 1, channels: '4', min: 0, max: 1, sqnrDb: 3 };
  expect(formatWorst({ ...drift, sqnrDb: 30 })).toBe('30.0 dB');
  expect(formatWorst({ ...drift, sqnrDb: 30, groups: [group] })).toBe('3.0 dB');
});

test('columns are as wide as their widest cell, without blanks at the end', () => {
  expect(
    alignColumns(
      [
        ['a', '1', 'x'],
        ['bcd', '22', ''],
      ],
      [1],
    ),
  ).toEqual(['a     1  x', 'bcd  22']);
});
