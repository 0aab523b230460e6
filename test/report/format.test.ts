import { expect, test } from 'vitest';
import {
  alignColumns,
  formatBytes,
  formatDb,
  formatMs,
  formatPercent,
  formatSigned,
} from '../../src/report/format.js';

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
