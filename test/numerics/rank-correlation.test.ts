import { describe, expect, it } from 'vitest';
import { rankCorrelation } from '../../src/numerics/rank-correlation.js';

const of = (a: number[], b: number[]) => rankCorrelation(Float64Array.from(a), Float64Array.from(b));

describe('rank correlation', () => {
  it('is what scipy.stats.spearmanr gives, equals included', () => {
    expect(of([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(of([1, 2, 2, 3, 7, 7, 7, 0], [3, 1, 4, 1, 5, 9, 2, 6])).toBeCloseTo(0.055572498390824586, 12);
  });

  it('sees the order alone', () => {
    expect(of([1, 2, 3], [1, 10, 1e9])).toBe(1);
    expect(of([1, 2, 3], [0, -5, -6])).toBe(-1);
  });

  it('has no answer where one side is all equal, or there is nothing to order', () => {
    expect(of([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(of([1], [2])).toBeNull();
    expect(of([], [])).toBeNull();
  });
});
