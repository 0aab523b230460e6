import { describe, expect, it } from 'vitest';
import type { AffineTensor } from '../../../src/quantize/quantized-tensor.js';
import { pow2 } from '../../../src/quantize/schemes/pow2.js';
import { forSeeds } from '../../support/random-data.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

describe('pow2', () => {
  it('takes the power of two of least squared error, by hand', () => {
    // At 1/4 all is exact but 2.1, which clips to 7/4; at 1/2 0.25 is lost, at 1 half of 1.5, too.
    const tensor = pow2.quantize(weightRequest([0.25, -1.5, 2.1])) as AffineTensor;
    expect(tensor.scales[0]).toBe(0.5);
    expect([...tensor.codes]).toEqual([0, -3, 4]);
    expect(pow2.quantize(weightRequest([0.25, -1.5, 1.75])).scales[0]).toBe(0.25);
  });

  it('is beaten by no other exponent', () => {
    forSeeds(30, (_, seed) => {
      for (const bits of [2, 3, 4, 8]) {
        const request = weightRequest(normalFloats(1 + seed * 3, seed), { bits });
        const tensor = pow2.quantize(request) as AffineTensor;
        const found = errorOf(request, tensor);
        expect(Number.isInteger(Math.log2(tensor.scales[0] as number))).toBe(true);
        const low = bits === 8 ? -127 : -(2 ** (bits - 1));
        for (let exponent = -20; exponent < 10; exponent++) {
          const scale = 2 ** exponent;
          const error = request.values.reduce((sum, w) => {
            const code = Math.min(Math.max(Math.round(w / scale), low), 2 ** (bits - 1) - 1);
            return sum + (w - code * scale) ** 2;
          }, 0);
          expect(found).toBeLessThanOrEqual(error * 1.0001);
        }
      }
    });
  });

  it('rounds the smallest scale up to a power of two', () => {
    expect(pow2.quantize(weightRequest([0.1], { scaleFloor: Float32Array.of(0.3) })).scales[0]).toBe(0.5);
  });
});
