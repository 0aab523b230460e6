import { describe, expect, it } from 'vitest';
import { exactOffset } from '../../../calibration/observers/exact-offset.js';
import { lsqplus } from '../../../calibration/observers/lsqplus.js';
import { defaultObserverSettings, type OffsetFit } from '../../../calibration/observers/observer.js';
import { seededRandom } from '../../../calibration/sampling.js';
import { levelCount } from '../../../src/numerics/activation.js';
import { dequantizeActivation } from '../../support/dequantize-activation.js';
import { statisticsOf } from '../../support/statistics.js';

const random = seededRandom(5);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const swish = Float32Array.from({ length: 4000 }, () => {
  const x = normal();
  return x / (1 + Math.exp(-x));
});

const fitOf = (values: Float32Array, bits: number): OffsetFit => {
  const fit = lsqplus.offsetFit?.(statisticsOf(values), bits, defaultObserverSettings);
  if (!fit) throw new Error('no real offset');
  return fit;
};

describe('a real offset kept by a table', () => {
  it('by hand: two bits from −0.2 on in steps of 1, on the grid of [−0.2, 2.8]', () => {
    const fit = { scale: 1, offset: -0.2, error: 0, roundedError: 0 };
    const { quantizer } = exactOffset(fit, statisticsOf(swish).distribution(), 2);
    // The grid's step is 3 / 255, its zero point 0.2 · 85 = 17.
    const step = Math.fround(3 / 255);
    expect(quantizer.grid).toMatchObject({ scale: step, zeroPoint: 17 });
    const values = [-5, 0, 0.29, 0.31, 1.29, 1.31, 2.4, 9];
    // −0.2, 0.8, 1.8 and 2.8 are −17, 68, 153 and 238 steps.
    const steps = [-17, -17, -17, 68, 68, 153, 238, 238];
    expect(values.map((x) => dequantizeActivation(x, quantizer))).toEqual(
      steps.map((n) => Math.fround(n * step)),
    );
  });

  it.each([2, 3, 4])('%i bits after Swish: all but the whole gain over the rounded offset', (bits) => {
    const fit = fitOf(swish, bits);
    const { quantizer, error } = exactOffset(fit, statisticsOf(swish).distribution(), bits);
    const byElement = swish.reduce((sum, x) => sum + (dequantizeActivation(x, quantizer) - x) ** 2, 0);
    // The histogram's bins are 1 % wide.
    expect(error / (byElement / swish.length)).toBeCloseTo(1, 1);
    expect(levelCount(quantizer)).toBe(2 ** bits);
    // The levels are off by up to half a step of the grid: its variance.
    expect(error).toBeLessThan(fit.error * 1.02 + quantizer.grid.scale ** 2 / 12);
    expect(error).toBeLessThan(fit.roundedError);
  });

  it('quantizing twice is quantizing once', () => {
    for (const bits of [2, 3, 4, 5, 6, 7]) {
      const { quantizer } = exactOffset(fitOf(swish, bits), statisticsOf(swish).distribution(), bits);
      for (const x of swish.subarray(0, 500)) {
        const once = dequantizeActivation(x, quantizer);
        expect(dequantizeActivation(once, quantizer)).toBe(once);
      }
    }
  });
});
