import { describe, expect, test } from 'vitest';
import { clamp, roundHalfEven } from '../../src/numerics/round.js';
import { randomFloats } from '../support/graph-builder.js';

describe('roundHalfEven', () => {
  test.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [3.5, 4],
    [-0.5, 0],
    [-1.5, -2],
    [-2.5, -2],
    [-3.5, -4],
    [0.49999999999999994, 0],
    [0.5000000000000001, 1],
    [-2.4999999999999996, -2],
    [-2.5000000000000004, -3],
    [126.5, 126],
    [127.5, 128],
    [2 ** 51 + 0.5, 2 ** 51],
    [2 ** 51 + 1.5, 2 ** 51 + 2],
    [2 ** 53, 2 ** 53],
    [-(2 ** 53), -(2 ** 53)],
    [1e300, 1e300],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('%d → %d', (x, expected) => {
    // -0 and 0 are one code.
    expect(roundHalfEven(x) + 0).toBe(expected);
  });

  test('NaN stays NaN', () => {
    expect(roundHalfEven(Number.NaN)).toBeNaN();
  });

  test('odd, and never further than half away', () => {
    for (const x of randomFloats(5000, 1, -1000, 1000)) {
      expect(roundHalfEven(-x) + 0).toBe(0 - roundHalfEven(x));
      expect(Math.abs(roundHalfEven(x) - x)).toBeLessThanOrEqual(0.5);
    }
  });
});

test('clamp', () => {
  expect([-7, -3, 0, 4, 9].map((x) => clamp(x, -3, 4))).toEqual([-3, -3, 0, 4, 4]);
});
