import { describe, expect, it } from 'vitest';
import { minmax } from '../../../calibration/observers/minmax.js';
import { defaultObserverSettings } from '../../../calibration/observers/observer.js';
import { percentile, quantile } from '../../../calibration/observers/percentile.js';
import { activations } from '../../support/activations.js';
import { statisticsOf } from '../../support/statistics.js';

const tensors = Object.entries(activations(8000));
const settings = (percent: number, symmetric = false) => ({
  ...defaultObserverSettings,
  percentile: percent,
  symmetric,
});

/** A bin of the statistics is 1/128 of its value wide. */
const BIN = 1 / 128;

/**
 * Checks a value against the elements round a quantile, which numpy interpolates between: within a bin of them.
 *
 * @param sorted - ascending
 */
function expectQuantile(value: number, sorted: Float32Array, share: number) {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted.at(Math.max(Math.floor(place) - 1, 0)), sorted.at(Math.ceil(place) + 1)];
  const [low, high] = [below as number, above ?? (sorted.at(-1) as number)];
  expect(value).toBeGreaterThanOrEqual(low - Math.abs(low) * BIN - 1e-40);
  expect(value).toBeLessThanOrEqual(high + Math.abs(high) * BIN + 1e-40);
}

describe('quantile', () => {
  it('is linear within a bin, by hand', () => {
    const bins = [
      { low: -2, high: 0, count: 4 },
      { low: 1, high: 3, count: 6 },
    ];
    const at = (share: number) => quantile({ bins, min: -2, max: 3 }, share);
    const found = [0, 0.1, 0.4, 0.7, 1].map(at);
    [-2, -1.5, 0, 2, 3].forEach((expected, i) => {
      expect(found[i]).toBeCloseTo(expected, 12);
    });
  });

  it.each(tensors)('is within a bin of the sorted elements of %s', (_, data) => {
    const sorted = data.toSorted();
    const distribution = statisticsOf(data).distribution();
    for (const share of [0, 0.001, 0.01, 0.25, 0.5, 0.9, 0.999, 0.9999, 1])
      expectQuantile(quantile(distribution, share), sorted, share);
  });
});

describe('percentile', () => {
  it.each([90, 99, 99.9, 99.99])('cuts half of the rest at each end, %f', (percent) => {
    for (const [, data] of tensors) {
      const [sorted, q] = [data.toSorted(), percentile.quantizer(statisticsOf(data), 8, settings(percent))];
      const [min, max] = [sorted[0] as number, sorted.at(-1) as number];
      if (min >= 0 || max <= 0) continue;
      const cut = (1 - percent / 100) / 2;
      // The width of the range is 255 steps, whatever the zero point is nudged to.
      const ends = [cut, 1 - cut].map((share) => share * (sorted.length - 1));
      const widest = Math.max(sorted.at(Math.ceil(ends[1] as number) + 1) ?? max, 0);
      const deepest = Math.min(sorted.at(Math.max(Math.floor(ends[0] as number) - 1, 0)) as number, 0);
      const top = Math.max(sorted[Math.floor(ends[1] as number) - 1] as number, 0);
      const bottom = Math.min(sorted[Math.ceil(ends[0] as number) + 1] as number, 0);
      expect(q.scale * 255).toBeLessThanOrEqual((widest - deepest) * (1 + BIN));
      expect(q.scale * 255).toBeGreaterThanOrEqual((top - bottom) * (1 - BIN));
    }
  });

  it('cuts all of the rest at the one end of a one-sided tensor', () => {
    const above = Float32Array.from({ length: 10_000 }, (_, i) => (i + 1) / 100);
    const q = percentile.quantizer(statisticsOf(above), 8, settings(90));
    expect(q.zeroPoint).toBe(0);
    expect(Math.abs((q.scale * 255) / 90 - 1)).toBeLessThan(BIN);
    const mirrored = percentile.quantizer(statisticsOf(above.map((x) => -x)), 8, settings(90));
    expect(mirrored.zeroPoint).toBe(255);
    expect(Math.abs(mirrored.scale / q.scale - 1)).toBeLessThan(1e-6);
  });

  it('takes magnitudes where the range is symmetric', () => {
    for (const [, data] of tensors) {
      const sorted = data.map(Math.abs).toSorted();
      const q = percentile.quantizer(statisticsOf(data), 8, settings(99, true));
      expectQuantile(q.scale * (q.high - q.zeroPoint), sorted, 0.99);
    }
  });

  it('is min-max at 100, and 99.99 without a word', () => {
    for (const [, data] of tensors) {
      const statistics = statisticsOf(data);
      for (const symmetric of [false, true])
        expect(percentile.quantizer(statistics, 8, settings(100, symmetric))).toEqual(
          minmax.quantizer(statistics, 8, settings(100, symmetric)),
        );
      expect(percentile.quantizer(statistics, 8)).toEqual(
        percentile.quantizer(statistics, 8, settings(99.99)),
      );
    }
  });

  it('never narrows as it rises', () => {
    for (const [, data] of tensors) {
      for (const symmetric of [false, true]) {
        const scales = [60, 80, 90, 95, 99, 99.5, 99.9, 99.99, 99.999, 100].map(
          (percent) => percentile.quantizer(statisticsOf(data), 8, settings(percent, symmetric)).scale,
        );
        expect(scales).toEqual([...scales].sort((a, b) => a - b));
      }
    }
  });
});
