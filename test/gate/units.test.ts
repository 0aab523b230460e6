import { describe, expect, it } from 'vitest';
import {
  bytes,
  decibel,
  plain,
  scaleLimit,
  share,
  showChange,
  showValue,
  times,
} from '../../src/gate/units.js';

describe('showValue', () => {
  it.each([
    [share, 0.0028, '0.28 %'],
    [share, -0.00001, '0.00 %'],
    [decibel, 31.44, '31.4 dB'],
    [decibel, Number.POSITIVE_INFINITY, 'identical'],
    [bytes, 999, '999 B'],
    [bytes, 1000, '1.00 kB'],
    [bytes, 82_400, '82.4 kB'],
    [bytes, 1_116_434, '1.12 MB'],
    [bytes, 2_500_000_000, '2.50 GB'],
    [bytes, -1500, '−1.50 kB'],
    [bytes, 0, '0 B'],
    [times, 1.806, '1.81×'],
    [plain, 0.99955, '0.9996'],
    [plain, 12.3456, '12.35'],
    [plain, 0.000123456, '0.0001235'],
    [plain, 123456, '123456'],
    [plain, 0, '0.000'],
  ])('%#', (unit, value, text) => {
    expect(showValue(unit, value)).toBe(text);
  });
});

describe('showChange', () => {
  it.each([
    [share, -0.0012, '−0.12 points'],
    [share, 0.0012, '+0.12 points'],
    [decibel, 1.2, '+1.2 dB'],
    [decibel, Number.POSITIVE_INFINITY, '+∞'],
    [bytes, 0, '+0 B'],
  ])('%#', (unit, change, text) => {
    expect(showChange(unit, change)).toBe(text);
  });
});

describe('scaleLimit', () => {
  it('gives the double nearest to the decimal', () => {
    for (let tenths = 0; tenths <= 1000; tenths++) {
      const text = (tenths / 10).toFixed(1);
      expect(scaleLimit(text, { exponent: -2 })).toBe(Number((tenths / 1000).toFixed(3)));
    }
    expect(scaleLimit('1.5e2', { exponent: 3 })).toBe(150_000);
    expect(scaleLimit('1.5', { factor: 1024 })).toBe(1536);
  });
});
