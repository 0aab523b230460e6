import { describe, expect, it } from 'vitest';
import { minmax } from '../../../calibration/observers/minmax.js';
import { mse, quantizationError } from '../../../calibration/observers/mse.js';
import { RunningSums } from '../../../calibration/running-sums.js';
import type { AffineQuantizer } from '../../../src/numerics/affine.js';
import { activations, leastSquaredError, squaredError } from '../../support/activations.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { statisticsOf } from '../../support/statistics.js';

describe('quantizationError', () => {
  it('is the integral of the squared distance to the levels, by hand', () => {
    // Density 1 over [0, 4], levels 0, 1, 2, 3: halves of width 1/2 around each, ∫u² = 1/24 each, and ∫u² over [0, 1]
    // beyond 3.
    const sums = new RunningSums({ bins: [{ low: 0, high: 4, count: 4 }], min: 0, max: 4 });
    const error = quantizationError(sums, { scale: 1, zeroPoint: 0, low: 0, high: 3 });
    expect(error).toBeCloseTo(6 / 24 + 1 / 3, 12);
    // Levels −2, 0, 2, 4 over the same: [0, 1], [1, 2], [2, 3], [3, 4], each ∫u² = 1/3.
    expect(quantizationError(sums, { scale: 2, zeroPoint: 1, low: 0, high: 3 })).toBeCloseTo(4 / 3, 12);
  });

  it('is what element by element comes to, for any quantizer', () => {
    const data = activations(3000)['SiLU, whose minimum is −0.28'] as Float32Array;
    const distribution = statisticsOf(data).distribution();
    const sums = new RunningSums(distribution);
    // The histogram as elements: 32 in each bin, evenly placed.
    const elements = distribution.bins.map(({ low, high, count }) => ({
      values: Array.from({ length: 32 }, (_, i) => low + ((high - low) * (i + 0.5)) / 32),
      weight: count / 32,
    }));
    forSeeds(40, (random) => {
      const high = 2 ** anyInteger(random, 2, 8) - 1;
      const scale = Math.fround((12 / high) * 10 ** (random() - 0.7));
      const q: AffineQuantizer = { scale, zeroPoint: anyInteger(random, 0, high), low: 0, high };
      const expected = elements.reduce(
        (sum, { values, weight }) => sum + weight * squaredError(values, q),
        0,
      );
      expect(quantizationError(sums, q) / expected).toBeCloseTo(1, 2);
    });
  });
});

describe('mse', () => {
  describe.each(Object.entries(activations(8000)))('of %s', (_, data) => {
    const statistics = statisticsOf(data);
    const sums = new RunningSums(statistics.distribution());
    it.each([2, 3, 4, 5, 6, 7, 8])(
      'comes within a hundredth of the least error there is, in %i bits',
      (bits) => {
        const q = mse.quantizer(statistics, bits);
        const clipping = bits === 8 ? 10 : 1;
        const error = squaredError(data, q, clipping);
        expect(error / leastSquaredError(data, bits, clipping)).toBeLessThan(1.01);
        // Never worse than the whole range: exactly so on the histogram, but for its bins on the data.
        const whole = minmax.quantizer(statistics, bits);
        const most = bits === 8 ? 1.01 : 1;
        expect(quantizationError(sums, q)).toBeLessThanOrEqual(most * quantizationError(sums, whole));
        expect(error).toBeLessThanOrEqual(squaredError(data, whole, clipping) * 1.005);
        expect(Number.isInteger(q.zeroPoint) && q.zeroPoint >= 0 && q.zeroPoint < 2 ** bits).toBe(true);
        expect([q.low, q.high, Math.fround(q.scale)]).toEqual([0, 2 ** bits - 1, q.scale]);
      },
    );
  });

  it('at 8 bits keeps more of what is seen seldom', () => {
    // All but one of 200,000 within ±1, one at 8. Rounding costs n·((T + 1)/levels)²/12, clipping (8 − T)² or ten times that.
    const values = Float32Array.from({ length: 200_000 }, (_, i) => (i === 0 ? 8 : Math.sin(i)));
    const top = (bits: number) => {
      const { high, zeroPoint, scale } = mse.quantizer(statisticsOf(values), bits);
      return (high - zeroPoint) * scale;
    };
    expect(top(7)).toBeLessThan(4);
    expect(top(8)).toBeGreaterThan(6);
  });

  it('cuts an outlier off where that is better', () => {
    const data = activations(8000)['a Gaussian with one outlier'] as Float32Array;
    const q = mse.quantizer(statisticsOf(data), 3);
    expect((q.high - q.zeroPoint) * q.scale).toBeLessThan(10);
  });

  it.each([
    ['zeros', [0, 0, 0]],
    ['a positive constant', [2.5, 2.5]],
    ['a negative constant', [-3, -3]],
    ['a constant too small for a normal step', [2 ** -130, 2 ** -130]],
  ])('takes the whole range of %s', (_, values) => {
    const statistics = statisticsOf(values);
    for (const bits of [2, 8])
      expect(mse.quantizer(statistics, bits)).toEqual(minmax.quantizer(statistics, bits));
  });

  it.each([
    ['the largest floats', [3.4e38, -3.4e38, 1]],
    ['the smallest floats', [2 ** -149, -(2 ** -149), 0]],
    ['one huge value', [1e30, ...Array.from({ length: 100 }, (_, i) => (i - 50) / 50)]],
    ['one huge negative value', [-1e30, ...Array.from({ length: 100 }, (_, i) => (i - 50) / 50)]],
  ])('gives a quantizer that can be stored for %s', (_, values) => {
    for (let bits = 2; bits <= 8; bits++) {
      const q = mse.quantizer(statisticsOf(values), bits);
      expect(Math.fround(q.scale)).toBe(q.scale);
      expect(q.scale).toBeGreaterThanOrEqual(2 ** -126);
      expect(q.scale).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(q.zeroPoint).toBeGreaterThanOrEqual(0);
      expect(q.zeroPoint).toBeLessThan(2 ** bits);
      // Sums of squares lose what is 1e-14 of the largest.
      const lost = 1e-14 * values.reduce((sum, x) => sum + x * x, 0);
      const whole = minmax.quantizer(statisticsOf(values), bits);
      expect(squaredError(values, q)).toBeLessThanOrEqual(squaredError(values, whole) * 1.001 + lost);
    }
  });

  it('finds the grid of discrete values, beyond the scale of the whole range', () => {
    // 17 grey levels in 32 codes: the whole range puts them 1.94 steps apart, 1/16 exactly 1 step.
    const values = Array.from({ length: 1700 }, (_, i) => (i % 17) / 16);
    const q = mse.quantizer(statisticsOf(values), 5);
    expect(q.scale).toBeCloseTo(1 / 16, 3);
  });
});
