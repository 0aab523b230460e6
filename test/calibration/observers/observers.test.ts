import { describe, expect, it } from 'vitest';
import { quantizationError } from '../../../calibration/observers/mse.js';
import { defaultObserverSettings } from '../../../calibration/observers/observer.js';
import { observers } from '../../../calibration/observers/observers.js';
import { RunningSums } from '../../../calibration/running-sums.js';
import {
  type AffineQuantizer,
  dequantizeValue,
  quantizeValue,
  SMALLEST_NORMAL,
} from '../../../src/numerics/affine.js';
import { activations, squaredError } from '../../support/activations.js';
import { statisticsOf } from '../../support/statistics.js';

const symmetric = { ...defaultObserverSettings, symmetric: true };

function expectStorable(q: AffineQuantizer, bits: number) {
  expect([q.low, q.high]).toEqual([0, 2 ** bits - 1]);
  expect(Math.fround(q.scale)).toBe(q.scale);
  expect(q.scale).toBeGreaterThanOrEqual(SMALLEST_NORMAL);
  expect(q.scale).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(Number.isInteger(q.zeroPoint) && q.zeroPoint >= 0 && q.zeroPoint <= q.high).toBe(true);
  expect(dequantizeValue(quantizeValue(0, q), q)).toBe(0);
}

const largest = 2 ** 128 - 2 ** 104;

const oddities: readonly (readonly [string, readonly number[]])[] = [
  ['zeros', [0, 0, 0]],
  ['negative zeros', [-0, -0, 0]],
  ['a constant', [2.5, 2.5]],
  ['a negative constant', [-3, -3]],
  ['one element', [0.7]],
  ['a mask', [0, 1, 1, 0]],
  ['a negative mask', [-1, 0, -1, -0]],
  ['negative values', [-7, -1, -3]],
  ['denormals', [1e-41, 3e-41, 0]],
  ['denormals of both signs', [-1e-41, 3e-41]],
  ['values at the end of the normal ones', [2 ** -126, -(2 ** -125)]],
  ['large values', [1e38, -1e38, 1]],
  ['the largest floats', [largest, -largest]],
  ['the largest float', [largest, 1]],
  ['the largest float below zero', [-largest, -1]],
];

describe.each(observers.map((observer) => [observer.name, observer] as const))('%s', (name, observer) => {
  it.each(oddities)('gives a quantizer that can be stored for %s', (_, values) => {
    const statistics = statisticsOf(values);
    // The widest step is that of 2 bits, symmetric; the narrowest that of 8.
    expectStorable(observer.quantizer(statistics, 2, symmetric), 2);
    expectStorable(observer.quantizer(statistics, 8), 8);
  });

  it.each([
    ['a constant', [2.5, 2.5]],
    ['a negative constant', [-3, -3]],
    ['one element', [0.7]],
    ['a mask', [0, 1, 1, 0]],
    ['a negative mask', [-1, 0, -1, 0]],
  ])('keeps the values of %s', (_, values) => {
    // ema's scale in its symmetric form clips by a step; the fine grid of scales is 0.1 % apart.
    const q = observer.quantizer(statisticsOf(values), 8);
    // A power of two has no multiple at every value, but one within half of it.
    const most = name === 'pow2' ? q.scale / 2 : 0;
    for (const x of values)
      expect(Math.abs(dequantizeValue(quantizeValue(x, q), q) - x)).toBeLessThan(
        Math.max(most, 1e-3 * Math.abs(x) + 1e-6),
      );
  });

  it('has the middle code as zero point of symmetric ranges with negative values, 0 of others', () => {
    const tensors = activations(500);
    for (const kind of ['a Gaussian', 'half a Gaussian, as after Relu', 'half a Gaussian below zero']) {
      const values = tensors[kind] as Float32Array;
      const statistics = statisticsOf(values);
      const q = observer.quantizer(statistics, 5, symmetric);
      expectStorable(q, 5);
      expect(q.zeroPoint).toBe(statistics.min < 0 ? 16 : 0);
    }
  });

  it('keeps one-sided tensors on their side', () => {
    const { 'half a Gaussian below zero': below, 'half a Gaussian, as after Relu': above } =
      activations(2000);
    expect(observer.quantizer(statisticsOf(below as Float32Array), 4).zeroPoint).toBe(15);
    expect(observer.quantizer(statisticsOf(above as Float32Array), 4).zeroPoint).toBe(0);
  });

  it('gives the same for the same statistics', () => {
    const values = activations(1000)['heavy tails'] as Float32Array;
    expect(observer.quantizer(statisticsOf(values), 6)).toEqual(observer.quantizer(statisticsOf(values), 6));
  });

  if (name === 'mse' || name === 'lsqplus') {
    it.each([false, true])('never errs more with more bits, symmetric: %s', (isSymmetric) => {
      const tensors = activations(1000);
      for (const kind of ['half a Gaussian, as after Relu', 'heavy tails', 'SiLU, whose minimum is −0.28']) {
        const statistics = statisticsOf(tensors[kind] as Float32Array);
        const sums = new RunningSums(statistics.distribution());
        const errors = [2, 3, 4, 5, 6, 7, 8].map((bits) =>
          quantizationError(
            sums,
            observer.quantizer(statistics, bits, isSymmetric ? symmetric : defaultObserverSettings),
          ),
        );
        expect(errors).toEqual([...errors].sort((a, b) => b - a));
      }
    });
  }
});

it('mse, symmetric, has the best scale of its zero point', () => {
  const symmetricMse = observers.find(({ name }) => name === 'mse');
  for (const values of Object.values(activations(2000))) {
    for (const bits of [2, 4]) {
      const statistics = statisticsOf(values);
      const q = symmetricMse?.quantizer(statistics, bits, symmetric) as AffineQuantizer;
      const magnitude = Math.max(-statistics.min, statistics.max);
      let least = Number.POSITIVE_INFINITY;
      for (let share = 1.05; share > 0.01; share /= 1.006) {
        const scale = (share * magnitude) / (q.high - q.zeroPoint);
        least = Math.min(least, squaredError(values, { ...q, scale }));
      }
      expect(squaredError(values, q) / least).toBeLessThan(1.01);
    }
  }
});
