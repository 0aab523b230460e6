import { describe, expect, it } from 'vitest';
import type { CodebookTensor } from '../../../src/quantize/quantized-tensor.js';
import { log, logSqrt2 } from '../../../src/quantize/schemes/log.js';
import { forSeeds } from '../../support/random-data.js';
import { errorOf, normalFloats, weightRequest } from '../../support/weight-request.js';

describe('log', () => {
  it('has the powers of two from 1 to 64 and 0 at 4 bits, exactly', () => {
    const { levels, scales, indices } = log.quantize(
      weightRequest([0, 64, -32, 1, 2, -4, 8, 16]),
    ) as CodebookTensor;
    expect([...levels]).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64]);
    expect([...scales]).toEqual([1]);
    expect([...indices]).toEqual([0, 7, 14, 1, 2, 11, 4, 5]);
  });

  it('rounds in the log domain: thresholds √2 below each level, and 0 below the last', () => {
    // The many weights on levels hold the scale at 1.
    const held = [...new Array<number>(1e5).fill(64), ...new Array<number>(1e5).fill(1)];
    const probes = [45.2, 45.3, -22.6, -22.7, 0.7, 0.72, -0.7, -0.72, 1.41, 1.42, 100];
    const tensor = log.quantize(weightRequest([...probes, ...held])) as CodebookTensor;
    expect(tensor.scales[0]).toBeCloseTo(1, 4);
    const stored = probes.map((_, i) => tensor.levels[tensor.indices[i] as number]);
    expect(stored).toEqual([32, 64, -16, -32, 0, 1, 0, -1, 1, 2, 64]);
  });

  it('searches the full-scale range: no other one has a squared error less by 0.1 %', () => {
    forSeeds(15, (_, seed) => {
      const bits = 2 + (seed % 3);
      const request = weightRequest(normalFloats(20 * seed, seed), { bits });
      const found = errorOf(request, log.quantize(request));
      const count = 2 ** (bits - 1) - 1;
      const largest = Math.max(...request.values.map(Math.abs));
      for (let i = 1; i <= 3000; i++) {
        const top = (largest * i) / 2000;
        const error = request.values.reduce((sum, w) => {
          const exponent = Math.min(Math.round(Math.log2(Math.abs(w) / top)), 0);
          return sum + (Math.abs(w) - (exponent > -count ? top * 2 ** exponent : 0)) ** 2;
        }, 0);
        expect(found).toBeLessThanOrEqual(error * 1.001);
      }
    });
  });

  it('has seven octaves on int8, six with a reduced range, and says where that is too few', () => {
    const note = (bits: number, limit: number) => log.note?.({ bits, limit });
    expect([2, 3, 4].map((bits) => note(bits, 127))).toEqual([undefined, undefined, undefined]);
    expect(note(4, 63)).toBe('int8 holds 6 of 7 magnitudes');
    expect(note(5, 127)).toBe('int8 holds 7 of 15 magnitudes');
    expect(note(8, 127)).toBe('int8 holds 7 of 127 magnitudes');
    const { levels } = log.quantize(weightRequest([1, -1], { limit: 63 })) as CodebookTensor;
    expect([...levels.subarray(0, 8)]).toEqual([0, 0, 1, 2, 4, 8, 16, 32]);
  });

  it('has one codebook for all channels, each with its scale', () => {
    const powers = [64, -32, 16, 8, 4, 2, -1, 0];
    const values = [...powers, ...powers.map((w) => w / 10)];
    const tensor = log.quantize(weightRequest(values, { dims: [2, 8], axis: 0 })) as CodebookTensor;
    expect(tensor.channelsPerCodebook).toBeUndefined();
    expect(tensor.scales[0]).toBe(1);
    expect(tensor.scales[1]).toBeCloseTo(0.1, 6);
  });
});

describe('log-sqrt2', () => {
  it('has seven magnitudes √2 apart at 4 bits, rounded by 2 % at most', () => {
    const { levels } = logSqrt2.quantize(weightRequest([1])) as CodebookTensor;
    const magnitudes = [...levels.subarray(1, 8)];
    const top = magnitudes[6] as number;
    magnitudes.forEach((level, k) => {
      expect(Math.abs(level / (top * Math.SQRT2 ** (k - 6)) - 1)).toBeLessThan(0.02);
    });
    expect(logSqrt2.note?.({ bits: 4, limit: 127 })).toBe('levels rounded to int8');
  });
});
