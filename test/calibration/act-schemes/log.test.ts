import { describe, expect, it } from 'vitest';
import { log } from '../../../calibration/act-schemes/log.js';
import { type ActivationQuantizer, levelCount } from '../../../src/numerics/activation.js';
import { activations } from '../../support/activations.js';
import { dequantizeActivation } from '../../support/dequantize-activation.js';
import { statisticsOf } from '../../support/statistics.js';

function quantizerOf(values: ArrayLike<number>, bits: number): ActivationQuantizer {
  const quantizer = log.quantizer(statisticsOf(values), bits);
  if (!quantizer) throw new Error('no quantizer');
  return quantizer;
}

/** LogQuant without a grid: sign·2^clip(round(log2|x|)), 0 below the lowest level. */
function ideal(x: number, top: number, magnitudeBits: number): number {
  const exponent = Math.round(Math.log2(Math.abs(x)));
  return exponent < top - (2 ** magnitudeBits - 2) ? 0 : Math.sign(x) * 2 ** Math.min(exponent, top);
}

describe('LogQuant of activations', () => {
  it('levels are powers of two within 0.4 %, thresholds at √2·2^k', () => {
    const quantizer = quantizerOf([8, 4, 2, 1, 0.5, 0], 3);
    const level = (x: number) => dequantizeActivation(x, quantizer);
    // log2 of 2.9 is 1.54, of 2.8 1.49; 11 and all beyond end at 8; 0.09 is nearer to 0.125 than seven levels reach.
    const expected = [
      [8, 8],
      [2.9, 4],
      [2.8, 2],
      [1, 1],
      [0.5, 0.5],
      [11, 8],
      [1000, 8],
      [0, 0],
      [0.09, 0.125],
      [0.07, 0],
    ] as const;
    for (const [x, y] of expected) expect(Math.abs(level(x) - y), String(x)).toBeLessThanOrEqual(0.004 * y);
    // Seven magnitudes and 0.
    expect(levelCount(quantizer)).toBe(8);
  });

  it('with a sign, a bit less for the magnitudes', () => {
    const quantizer = quantizerOf([-8, 4, -2, 1, 0], 3);
    expect([-8, -3, 1.1, 2, 0.5].map((x) => Math.round(dequantizeActivation(x, quantizer)))).toEqual([
      -8, -4, 0, 2, 0,
    ]);
    expect(levelCount(quantizer)).toBe(7);
  });

  it('a grid of uint8 has nine octaves', () => {
    expect(levelCount(quantizerOf([1, 0.001], 5))).toBe(10);
    expect(levelCount(quantizerOf([1, -0.001], 6))).toBe(17);
  });

  it.each(Object.entries(activations(20_000)))('%s: the range of least squared error', (_, values) => {
    const isSigned = values.some((x) => x < 0);
    const magnitudeBits = isSigned ? 3 : 4;
    const error = (quantize: (x: number) => number) =>
      values.reduce((sum, x) => sum + (x - quantize(x)) ** 2, 0);
    const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const highest = Math.ceil(Math.log2(largest));
    const least = Math.min(
      ...Array.from({ length: 20 }, (_, i) => error((x) => ideal(x, highest - i, magnitudeBits))),
    );
    const quantizer = quantizerOf(values, 4);
    // The grid moves levels and thresholds a little.
    expect(error((x) => dequantizeActivation(x, quantizer))).toBeLessThan(1.1 * least);
  });

  it('leaves a tensor of zeros to the observer', () => {
    expect(log.quantizer(statisticsOf([0, 0]), 4)).toBeUndefined();
  });
});
