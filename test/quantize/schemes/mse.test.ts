import { describe, expect, it } from 'vitest';
import type { AffineTensor } from '../../../src/quantize/quantized-tensor.js';
import { mse } from '../../../src/quantize/schemes/mse.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

/** Σ(w − s·q)² with the nearest code, by itself. */
function errorAt(values: Float32Array, scale: number, low: number, high: number): number {
  return values.reduce((sum, w) => {
    const code = Math.min(Math.max(Math.round(w / scale), low), high);
    return sum + (w - scale * code) ** 2;
  }, 0);
}

describe('mse', () => {
  it('finds the scale that holds the weights exactly, above that of min-max too', () => {
    // 5 and 6 fifths: with 7 levels, the largest on level 7 would miss both.
    const request = weightRequest([1, 1.2, -1, 0.4]);
    const tensor = mse.quantize(request) as AffineTensor;
    expect([...tensor.codes]).toEqual([5, 6, -5, 2]);
    expect(tensor.scales[0]).toBeCloseTo(0.2, 7);
  });

  it('is least squares at 2 bits, by hand', () => {
    // Codes −2 … 1. −1, −1, 1: Σwq/Σq² with q = −1, −1, 1 is 1. With 3 for the last, to leave the others
    // out costs 2, the same codes at 5/3 cost 11 − 25/3.
    expect((mse.quantize(weightRequest([-1, -1, 1], { bits: 2 })) as AffineTensor).scales[0]).toBe(1);
    const tensor = mse.quantize(weightRequest([-1, -1, 3], { bits: 2 })) as AffineTensor;
    expect([...tensor.codes]).toEqual([0, 0, 1]);
    expect(tensor.scales[0]).toBe(3);
  });

  it.each([2, 3, 4, 5, 8])('is beaten by no scale of a fine search by more than 0.1 %%, %i bits', (bits) => {
    const low = bits === 8 ? -127 : -(2 ** (bits - 1));
    const high = 2 ** (bits - 1) - 1;
    forSeeds(12, (random, seed) => {
      const values = normalFloats(anyInteger(random, 1, seed % 3 === 0 ? 300 : 12), seed);
      const request = weightRequest(values, { bits });
      const found = errorOf(request, mse.quantize(request));
      const largest = Math.max(...values.map(Math.abs));
      let least = Number.POSITIVE_INFINITY;
      for (let i = 1; i <= 8000; i++) {
        least = Math.min(least, errorAt(values, (largest * i) / 4000 / high, low, high));
      }
      // Rounding of the scale to float32 alone costs (w · 2^-24)² a weight.
      const rounding = values.reduce((sum, w) => sum + (w * 2 ** -23) ** 2, 0);
      expect(found).toBeLessThanOrEqual(least * 1.001 + rounding);
    });
  });

  it('is never worse at a smallest scale than that scale itself, and keeps to it', () => {
    forSeeds(10, (_, seed) => {
      const values = normalFloats(40, seed);
      for (const floor of [0.1, 0.5, 2, 100]) {
        const request = weightRequest(values, { scaleFloor: Float32Array.of(floor) });
        const tensor = mse.quantize(request);
        expect(tensor.scales[0]).toBeGreaterThanOrEqual(Math.fround(floor));
        expect(errorOf(request, tensor)).toBeLessThanOrEqual(
          errorAt(values, Math.fround(floor), -8, 7) * 1.000001,
        );
      }
    });
  });

  it('uses −8 at 4 bits, never −128, nor what a reduced range forbids', () => {
    const least = (bits: number, limit: number) => {
      const values = [...normalFloats(500, 3).map((w) => -Math.abs(w)), 0.1];
      const { codes } = mse.quantize(weightRequest(values, { bits, limit })) as AffineTensor;
      return Math.min(...codes);
    };
    expect([least(4, 127), least(2, 127), least(8, 127), least(8, 63), least(7, 63)]).toEqual([
      -8, -2, -127, -63, -63,
    ]);
  });
});
