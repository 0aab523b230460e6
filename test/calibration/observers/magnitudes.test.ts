import { describe, expect, it } from 'vitest';
import { magnitudes } from '../../../calibration/observers/magnitudes.js';
import { activations } from '../../support/activations.js';
import { forSeeds } from '../../support/random-data.js';
import { statisticsOf } from '../../support/statistics.js';

const of = (values: ArrayLike<number>) => magnitudes(statisticsOf(values).distribution());

/** The upper end of the bin of 7 mantissa bits that starts at a power of two. */
const endOf = (start: number) => start * (1 + 1 / 128 - 2 ** -23);

describe('magnitudes', () => {
  it('puts both signs of one magnitude into one bin, by hand', () => {
    // The outermost elements, alone in their bins, stand just there: −4, and 2 among the positive ones.
    expect(of([-1, 1, 1, -0.5, 2, -4])).toEqual({
      bins: [
        { low: 0.5, high: endOf(0.5), count: 1 },
        { low: 1, high: endOf(1), count: 3 },
        { low: 2, high: 2, count: 1 },
        { low: 4, high: 4, count: 1 },
      ],
      min: 0.5,
      max: 4,
    });
  });

  it.each([
    ['positive values', [1, 2, 3]],
    ['zeros', [0, 0]],
  ])('leaves %s as they are', (_, values) => {
    expect(of(values)).toEqual(statisticsOf(values).distribution());
  });

  it('mirrors denormals below zero, whose bin ends at −0', () => {
    const { bins, min, max } = of([-5e-41, -0, -1, 1]);
    expect(bins.every(({ low, high }) => low >= 0 && high >= low)).toBe(true);
    expect([min, max]).toEqual([0, 1]);
  });

  it('keeps the number of elements below every power of two', () => {
    const tensors = Object.values(activations(500));
    forSeeds(30, (random) => {
      const spread = 10 ** (random() * 20 - 10);
      tensors.push(Float32Array.from({ length: 60 }, () => (random() - random()) * spread));
    });
    for (const data of tensors) {
      const { bins, min, max } = of(data);
      expect(max).toBe(data.reduce((most, x) => Math.max(most, Math.abs(x)), 0));
      expect(min).toBe(bins[0]?.low);
      bins.forEach(({ low, high }, i) => {
        expect(low).toBeGreaterThanOrEqual(bins[i - 1]?.high ?? 0);
        expect(high).toBeGreaterThanOrEqual(low);
      });
      for (const exponent of [-12, -5, -2, -1, 0, 1, 3, 7]) {
        const below = bins.reduce((sum, { high, count }) => sum + (high < 2 ** exponent ? count : 0), 0);
        expect(below).toBe(data.filter((x) => Math.abs(x) < 2 ** exponent).length);
      }
    }
  });
});
