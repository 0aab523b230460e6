import { describe, expect, it } from 'vitest';
import { RunningSums } from '../../calibration/running-sums.js';
import type { Bin } from '../../calibration/statistics.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

const sumsOf = (bins: readonly Bin[]) =>
  new RunningSums({ bins, min: bins[0]?.low ?? 0, max: bins.at(-1)?.high ?? 0 });

/** Count, sum and sum of squares of the values below `x`. */
function bruteForce(values: readonly number[], x: number): [number, number, number] {
  const below = values.filter((value) => value < x);
  return [below.length, below.reduce((sum, v) => sum + v, 0), below.reduce((sum, v) => sum + v * v, 0)];
}

describe('RunningSums', () => {
  it('integrates an even density by hand', () => {
    // 6 elements over [1, 4]: density 2. Below 3: 4 elements, ∫2x = 8, ∫2x² = 2·(27−1)/3.
    const sums = sumsOf([{ low: 1, high: 4, count: 6 }]);
    expect(sums.upTo(1)).toEqual([0, 0, 0]);
    expect(sums.upTo(3)).toEqual([4, 8, expect.closeTo(52 / 3, 12)]);
    expect(sums.upTo(4)).toEqual([6, 15, expect.closeTo(42, 12)]);
    expect(sums.upTo(Number.POSITIVE_INFINITY)).toEqual(sums.upTo(4));
    expect(sums.upTo(Number.NEGATIVE_INFINITY)).toEqual([0, 0, 0]);
  });

  it('takes a bin of one value whole, and holds between bins', () => {
    const sums = sumsOf([
      { low: -2, high: -2, count: 3 },
      { low: 5, high: 5, count: 2 },
    ]);
    expect(sums.upTo(-2.1)).toEqual([0, 0, 0]);
    expect(sums.upTo(-1.9)).toEqual([3, -6, 12]);
    expect(sums.upTo(4.9)).toEqual([3, -6, 12]);
    expect(sums.upTo(5.1)).toEqual([5, 4, 62]);
  });

  it('equals brute force where each bin holds one value', () => {
    forSeeds(20, (random) => {
      // Whole numbers: exact sums, and bins of no width, so that evenly spread is what they are.
      const values = Array.from({ length: 300 }, () => anyInteger(random, -40, 40));
      const bins = [...new Set(values)]
        .sort((a, b) => a - b)
        .map((value) => ({ low: value, high: value, count: values.filter((v) => v === value).length }));
      const sums = sumsOf(bins);
      for (let x = -40.5; x <= 41; x++) expect(sums.upTo(x)).toEqual(bruteForce(values, x));
    });
  });

  it('sums up how far elements fall short of thresholds, as brute force does', () => {
    const values = [-3, -1, -1, 0, 2, 5];
    const bins = [
      { low: -3, high: -3, count: 1 },
      { low: -1, high: -1, count: 2 },
      { low: 0, high: 0, count: 1 },
      { low: 2, high: 2, count: 1 },
      { low: 5, high: 5, count: 1 },
    ];
    const thresholds = [-7, -5, -3, -1, 1, 3, 5, 7];
    const short = thresholds.map((x) => values.reduce((sum, v) => sum + Math.max(0, x - v), 0));
    const whole = short.reduce((sum, each) => sum + each, 0);
    expect(sumsOf(bins).shortfalls(2, 0, -4, 4)).toBe(whole);
    // Half of an even bin lies below its middle: 4 elements, on average ½ short of 1.
    expect(sumsOf([{ low: 0, high: 2, count: 8 }]).shortfalls(2, 0, 0, 1)).toBe(2);
  });

  it('equals brute force on a fine even grid, cut anywhere', () => {
    // Midpoints of 1,000 equal parts: their count, sum and sum of squares are the integrals to 1e-6.
    forSeeds(5, (random) => {
      const edges = Array.from({ length: 7 }, () => random() * 4 - 2).sort((a, b) => a - b);
      const bins = edges
        .slice(0, -1)
        .map((low, i) => ({ low, high: edges[i + 1] as number, count: anyInteger(random, 1, 9) * 1000 }));
      const values = bins.flatMap(({ low, high, count }) =>
        Array.from({ length: count }, (_, i) => low + ((high - low) * (i + 0.5)) / count),
      );
      const sums = sumsOf(bins);
      for (let i = 0; i < 50; i++) {
        const x = random() * 4.4 - 2.2;
        const expected = bruteForce(values, x);
        // One element more or less may stand at the cut.
        sums.upTo(x).forEach((moment, k) => {
          expect(Math.abs(moment - (expected[k] as number))).toBeLessThan(1 + Math.abs(x) ** k);
        });
      }
    });
  });
});
