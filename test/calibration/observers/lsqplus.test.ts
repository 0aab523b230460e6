import { describe, expect, it } from 'vitest';
import { lsqplus } from '../../../calibration/observers/lsqplus.js';
import { mse } from '../../../calibration/observers/mse.js';
import {
  defaultObserverSettings,
  type LsqplusConfig,
  type OffsetFit,
} from '../../../calibration/observers/observer.js';
import { seededRandom } from '../../../calibration/sampling.js';
import { activations, squaredError } from '../../support/activations.js';
import { statisticsOf } from '../../support/statistics.js';

const settings = (lsqplusConfig: LsqplusConfig) => ({ ...defaultObserverSettings, lsqplusConfig });

const COUNT = 1000;
const random = seededRandom(3);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const fill = (value: () => number) => Float32Array.from({ length: COUNT }, value);
const swish = fill(() => {
  const x = normal();
  return x / (1 + Math.exp(-x));
});
const hardSwish = fill(() => {
  const x = normal();
  return (x * Math.min(Math.max(x + 3, 0), 6)) / 6;
});
const far = fill(() => 5 + random());

/** Mean of (x − x̂)² with levels scale·k + offset, element by element. */
function offsetError(
  values: Float32Array,
  { scale, offset }: Pick<OffsetFit, 'scale' | 'offset'>,
  bits: number,
): number {
  let error = 0;
  for (const x of values) {
    const k = Math.min(Math.max(Math.round((x - offset) / scale), 0), 2 ** bits - 1);
    error += (x - offset - scale * k) ** 2;
  }
  return error / values.length;
}

/**
 * The least error of any (s, β) by trying them: 50 steps 4 % apart with each of the offsets, then the ten best on a grid
 * an eighth as wide.
 *
 * @param offsets - where β may be: `free`, or at 0
 */
function leastOffsetError(values: Float32Array, bits: number, offsets: 'free' | 'zero'): number {
  const [min, max] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const width = max - min;
  const spacing = offsets === 'free' ? width / 55 : 0;
  const tried: [error: number, scale: number, offset: number][] = [];
  for (let i = 0; i < 50; i++) {
    const scale = ((1.1 * (offsets === 'free' ? width : max)) / (2 ** bits - 1)) * 0.96 ** i;
    for (let j = 0; j < (offsets === 'free' ? 50 : 1); j++) {
      const offset = offsets === 'free' ? min + (j - 2) * spacing : 0;
      tried.push([offsetError(values, { scale, offset }, bits), scale, offset]);
    }
  }
  tried.sort(([a], [b]) => a - b);
  let least = Number.POSITIVE_INFINITY;
  for (const [, scale, offset] of tried.slice(0, 10)) {
    for (let i = -8; i <= 8; i++) {
      for (let j = -8; j <= (spacing > 0 ? 8 : -8); j++) {
        const near = { scale: scale * (1 + (0.04 * i) / 8), offset: offset + (spacing * j) / 8 };
        least = Math.min(least, offsetError(values, near, bits));
      }
    }
  }
  return least;
}

function fitOf(values: ArrayLike<number>, bits: number, config: LsqplusConfig = 4): OffsetFit {
  const fit = lsqplus.offsetFit?.(statisticsOf(values), bits, settings(config));
  if (!fit) throw new Error('there is no fit');
  return fit;
}

const drawn = activations(COUNT);
const tensors: Readonly<Record<string, Float32Array>> = {
  'half a Gaussian, as after Relu': drawn['half a Gaussian, as after Relu'] as Float32Array,
  'heavy tails': drawn['heavy tails'] as Float32Array,
  Swish: swish,
  HardSwish: hardSwish,
  'values in [5, 6]': far,
};

describe('lsqplus', () => {
  describe.each(Object.entries({ Swish: swish, HardSwish: hardSwish, 'values in [5, 6]': far }))(
    'of %s',
    (_, values) => {
      it.each([2, 3])('leaves no (s, β) that is half a per cent better, in %i bits', (bits) => {
        const fit = fitOf(values, bits);
        const least = leastOffsetError(values, bits, 'free');
        expect(offsetError(values, fit, bits) / least).toBeLessThan(1.005);
        // What it says of itself, from the histogram.
        expect(Math.abs(fit.error / offsetError(values, fit, bits) - 1)).toBeLessThan(0.03);
      });
    },
  );

  it.each([
    ['Swish', swish, 3],
    ['HardSwish', hardSwish, 4],
  ])('reaches below zero with configuration 4 where 1 cannot: %s', (_, values, bits) => {
    const [free, zero] = [leastOffsetError(values, bits, 'free'), leastOffsetError(values, bits, 'zero')];
    // By brute force the offset leaves a third of the error at 3 bits, and a sixth at 4.
    expect(zero / free).toBeGreaterThan(bits === 3 ? 2.5 : 6);
    expect(fitOf(values, bits).error).toBeLessThan(free * 1.02);
    const errorOf = (config: LsqplusConfig) =>
      squaredError(values, lsqplus.quantizer(statisticsOf(values), bits, settings(config))) / COUNT;
    expect(errorOf(1) / zero).toBeGreaterThan(0.99);
    expect(errorOf(1) / zero).toBeLessThan(1.01);
    // An integer zero point gives a part of it back.
    expect(errorOf(1) / errorOf(4)).toBeGreaterThan(bits === 3 ? 1.8 : 4);
  });

  describe.each(Object.entries(tensors))('of %s', (_, values) => {
    const statistics = statisticsOf(values);
    it.each([2, 4, 7])('3 and 4 tie, and 2 does not beat them, in %i bits', (bits) => {
      const [third, fourth] = [fitOf(values, bits, 3), fitOf(values, bits, 4)];
      expect(third).toEqual(fourth);
      expect(lsqplus.quantizer(statistics, bits, settings(3))).toEqual(
        lsqplus.quantizer(statistics, bits, settings(4)),
      );
      expect(third.roundedError).toBeGreaterThanOrEqual(third.error);
      expect(third.error).toBeGreaterThanOrEqual(0);
      for (const config of [1, 2] as const) {
        const q = lsqplus.quantizer(statistics, bits, settings(config));
        expect(q.zeroPoint).toBe(config === 1 ? 0 : 2 ** (bits - 1));
        const { scale, zeroPoint } = q;
        const error = offsetError(values, { scale, offset: -scale * zeroPoint }, bits);
        // On the data the histogram's bins cost up to 3 % where the step is no wider than they are.
        expect(offsetError(values, third, bits)).toBeLessThanOrEqual(error * 1.03);
        expect(lsqplus.offsetFit?.(statistics, bits, settings(config))).toBeUndefined();
      }
    });
  });

  it('of configuration 4 has an integer zero point nearly as good as any', () => {
    for (const values of Object.values(tensors)) {
      for (const bits of [2, 4]) {
        const statistics = statisticsOf(values);
        const error = squaredError(values, lsqplus.quantizer(statistics, bits));
        expect(error).toBeLessThanOrEqual(squaredError(values, mse.quantizer(statistics, bits)) * 1.02);
      }
    }
  });

  it('tells a large cost of the integer zero point where β is far from 0', () => {
    for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
      const { scale, offset, error, roundedError } = fitOf(far, bits);
      // Uniform over [5, 6]: 2^bits cells of 2^−bits, s²/12 each.
      expect(scale * 2 ** bits).toBeGreaterThan(0.97);
      expect(scale * 2 ** bits).toBeLessThan(1.03);
      expect(offset).toBeGreaterThan(5);
      expect(Math.abs((error * 12) / 4 ** -bits - 1)).toBeLessThan(0.06);
      expect(roundedError / error).toBeGreaterThan(10);
    }
  });

  it('is exact for levels that are there, β real: 0.3, 0.8, 1.3, 1.8', () => {
    const values = Array.from({ length: 40 }, (_, i) => 0.3 + 0.5 * (i % 4));
    const fit = fitOf(values, 2);
    // To within a bin of the histogram, 1/128 of the value.
    expect(Math.abs(fit.scale - 0.5)).toBeLessThan(0.5 / 100);
    expect(Math.abs(fit.offset - 0.3)).toBeLessThan(0.3 / 100 + 0.005);
    expect(fit.error).toBeLessThan(1e-4);
    expect(fit.roundedError / fit.error).toBeGreaterThan(50);
  });

  it.each([-3, -0.7, -1e-6, 0.7, 2.5])(
    'keeps the constant %f in every configuration that can',
    (constant) => {
      const values = [constant, constant];
      for (const bits of [2, 3, 8]) {
        expect(fitOf(values, bits)).toMatchObject({ offset: Math.fround(constant), error: 0 });
        for (const config of [1, 2, 3, 4] as const) {
          if (constant < 0 && config === 1) continue;
          const error = squaredError(values, lsqplus.quantizer(statisticsOf(values), bits, settings(config)));
          expect(Math.sqrt(error)).toBeLessThan(Math.abs(constant) * 1e-3);
        }
      }
    },
  );

  it('clips all to 0, at a step of 1, where unsigned codes meet negative values, or all is 0', () => {
    for (const bits of [2, 8]) {
      const negative = lsqplus.quantizer(statisticsOf([-3, -1, 0]), bits, settings(1));
      expect(negative).toEqual({ scale: 1, zeroPoint: 0, low: 0, high: 2 ** bits - 1 });
      for (const config of [1, 2, 3, 4] as const)
        expect(lsqplus.quantizer(statisticsOf([0, -0]), bits, settings(config)).scale).toBe(1);
    }
  });

  it('has no offset where the range is to be symmetric: configuration 2, or 1 without negative values', () => {
    for (const values of Object.values(tensors)) {
      const statistics = statisticsOf(values);
      const config = statistics.min < 0 ? 2 : 1;
      const symmetric = { ...settings(4), symmetric: true };
      expect(lsqplus.quantizer(statistics, 4, symmetric)).toEqual(
        lsqplus.quantizer(statistics, 4, settings(config)),
      );
      expect(lsqplus.offsetFit?.(statistics, 4, symmetric)).toBeUndefined();
    }
  });
});
