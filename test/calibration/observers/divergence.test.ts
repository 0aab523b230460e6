import { describe, expect, it } from 'vitest';
import {
  divergenceAt,
  leastDivergent,
  leastDivergentBins,
  magnitudeHistogram,
} from '../../../calibration/observers/divergence.js';
import type { DivergenceVariant } from '../../../calibration/observers/divergence-variant.js';
import { activations } from '../../support/activations.js';
import { statisticsOf } from '../../support/statistics.js';
import { normalFloats } from '../../support/weight-request.js';

const filled: DivergenceVariant = { spread: 'filled', epsilon: 0, normalized: true, last: 8 };
const even: DivergenceVariant = { spread: 'even', epsilon: 0, normalized: false, last: 8 };

const { log } = Math;
const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

describe('divergenceAt', () => {
  const sparse = [2, 0, 1, 1, 0, 2, 1, 1];
  const dense = [4, 2, 1, 1, 2, 2, 3, 1];

  it.each<[string, number[], number, DivergenceVariant, number]>([
    // P = [2, 0, 1, 1 + 4]/8; each bin is a level, Q = [2, 0, 1, 1]/4.
    ['a bin a level', sparse, 4, filled, -0.375 * log(2) + 0.625 * log(2.5)],
    // Levels of 1½ bins: [2, ½·0], [½·0, 1], [1, ½·0], [½·0, 2]; Q = [2, 0, 1, 1, 0, 2]/6, P = [2, 0, 1, 1, 0, 4]/8.
    ['bins shared by levels, some empty', sparse, 6, filled, 0.5 * log(1.125)],
    // Pairs, the mass of each in its filled bins: Q = P.
    ['pairs in their filled bins', sparse, 8, filled, 0],
    // The same evenly: Q = 1/8 everywhere, where P is 2/8 twice.
    ['pairs evenly', sparse, 8, even, 0.5 * log(2)],
    // The last level is that of an empty bin, which has the tail in P.
    ['a tail on an empty bin', sparse, 5, filled, Number.POSITIVE_INFINITY],
    // Levels of 1½ bins: 5, 2, 2, 3 in 16ths; Q = [10, 7, 4, 4, 5, 6]/36 and P = [4, 2, 1, 1, 2, 6]/16.
    [
      'bins shared by levels, none empty',
      dense,
      6,
      filled,
      0.375 * log(0.9) + 0.125 * log(9 / 14) + 0.125 * log(9 / 16) + 0.375 * log(2.25),
    ],
    // The same, not normalized: Q = [10, 7, 4, 4, 5, 6]/48, and ln(4/3) less.
    [
      'the same as it is',
      dense,
      6,
      even,
      0.375 * log(0.9) + 0.125 * log(9 / 14) + 0.125 * log(9 / 16) + 0.375 * log(2.25) + log(4 / 3),
    ],
    // P + ε = [5, 1, 3, 11]/16, Q + ε = [5, 1, 3, 3]/16.
    ['with an ε', sparse, 4, { ...even, epsilon: 1 / 16 }, (11 / 16) * log(11 / 3)],
  ])('is by hand: %s', (_, counts, t, variant, expected) => {
    const total = sum(counts);
    const masses = Float64Array.from(counts, (count) => count / total);
    const tail = sum(counts.slice(t)) / total;
    expect(divergenceAt(masses, t, 4, tail, variant)).toBeCloseTo(expected, 12);
  });

  it('is never negative where both sum to 1, and 0 where each level has one height', () => {
    const masses = Float64Array.from([1, 1, 3, 3, 0, 0, 2, 2], (count) => count / 12);
    expect(divergenceAt(masses, 8, 4, 0, filled)).toBeCloseTo(0, 12);
    expect(divergenceAt(masses, 8, 4, 0, even)).toBeCloseTo(0, 12);
    for (let t = 4; t <= 8; t++) {
      const tail = sum([...masses.slice(t)]);
      expect(divergenceAt(masses, t, 4, tail, filled)).toBeGreaterThan(-1e-12);
    }
  });
});

describe('leastDivergentBins', () => {
  it.each<[string, number[], DivergenceVariant, number]>([
    ['all bins, which lose nothing', [2, 0, 1, 1, 0, 2, 1, 1], filled, 8],
    ['the best up to the last one tried', [2, 0, 1, 1, 0, 2, 1, 1], { ...filled, last: 6 }, 6],
    ['the first of equals', [1, 1, 1, 1, 0, 0, 0, 0], filled, 4],
    ['the first of equals, evenly', [1, 1, 1, 1, 0, 0, 0, 0], even, 4],
    ['all where only one is filled', [0, 0, 0, 0, 0, 5, 0, 0], { ...even, epsilon: 1e-4, last: 7 }, 8],
    ['all where none is', [0, 0, 0, 0, 0, 0, 0, 0], filled, 8],
  ])('keeps %s', (_, counts, variant, bins) => {
    expect(leastDivergentBins(Float64Array.from(counts), 4, variant)).toBe(bins);
  });
});

describe('magnitudeHistogram', () => {
  it('counts eighths exactly, zeros left out', () => {
    // 32 bins of 1/8 up to 4: k/8 is in bin k, 4 in the last.
    const eighths = [0, -0, 1, 1, -1, 3, -8, 8, 8, 31, -32, 0];
    const histogram = magnitudeHistogram(statisticsOf(eighths.map((k) => k / 8)).distribution(), 32);
    const expected = new Float64Array(32);
    for (const [bin, count] of Object.entries({ 1: 3, 3: 1, 8: 3, 31: 2 })) expected[Number(bin)] = count;
    expect(histogram).toEqual(expected);
  });

  it.each(Object.entries(activations(4000)))('of %s has whole counts at their places', (_, data) => {
    const histogram = magnitudeHistogram(statisticsOf(data).distribution(), 2048);
    const sorted = data.map(Math.abs).toSorted();
    const largest = sorted.at(-1) as number;
    expect(histogram.every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
    expect(histogram.reduce((a, b) => a + b)).toBe(data.filter((x) => x !== 0).length);
    // A bin of the statistics is 1/128 of its value wide: counts up to an edge lie between those a bin below and above.
    const zeros = data.filter((x) => x === 0).length;
    const upTo = (edge: number) => sorted.findLastIndex((x) => x < edge) + 1 - zeros;
    let counted = 0;
    histogram.forEach((count, bin) => {
      counted += count;
      const edge = ((bin + 1) / 2048) * largest;
      if (bin % 64 !== 63 || bin === 2047) return;
      expect(counted).toBeGreaterThanOrEqual(upTo(edge * (127 / 128)));
      expect(counted).toBeLessThanOrEqual(upTo(edge * (129 / 128)));
    });
  });
});

describe('leastDivergent', () => {
  it('cuts half a bin behind the last that it keeps (TensorRT: T = (t + ½)·width)', () => {
    // A half of a bell, and one value eight times as far.
    const values = normalFloats(4000, 3).map(Math.abs);
    const largest = 8 * Math.max(...values);
    const statistics = statisticsOf([...values, largest]);
    const variant: DivergenceVariant = { ...filled, last: 2048 };
    const bins = leastDivergentBins(magnitudeHistogram(statistics.distribution(), 2048), 16, variant);
    expect(bins).toBeLessThan(1024);
    const { scale, zeroPoint } = leastDivergent(statistics, 4, variant);
    expect(zeroPoint).toBe(0);
    expect(scale * 15).toBeCloseTo(((bins + 0.5) * largest) / 2048, 5);
  });
});
