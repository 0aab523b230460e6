import { describe, expect, it } from 'vitest';
import { type Pairing, pairSums, saturatingPairs } from '../../src/quantize/pairs.js';
import { type PairedRequest, pairedScale, quantizePortably } from '../../src/quantize/quantize-weight.js';
import {
  type AffineTensor,
  dequantizeTensor,
  integersOfTensor,
} from '../../src/quantize/quantized-tensor.js';
import { minmax } from '../../src/quantize/schemes/minmax.js';
import type { Scheme } from '../../src/quantize/schemes/scheme.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { errorOf, normalFloats, weightRequest } from '../support/weight-request.js';

const portably = (scheme: Scheme, request: PairedRequest) =>
  quantizePortably(scheme, request, (plain) => scheme.quantize(plain));

/** A matrix [channels, terms], each row a channel. */
const rows = (channels: number, terms: number): Pairing => ({
  channels,
  stride: terms,
  offsets: Uint32Array.from({ length: terms }, (_, k) => k),
  bound: 128,
});

describe('quantizePortably', () => {
  const values = normalFloats(16 * 64, 7).map((w, i) => (i % 97 === 0 ? 3 * w : w));
  const pairing = rows(16, 64);

  it.each(schemes.flatMap(({ name }) => [2, 4, 8].map((bits) => [name, bits] as const)))(
    '%s in %i bits never saturates, per channel and per tensor, and loses little',
    async (name, bits) => {
      const scheme = schemes.find((entry) => entry.name === name) as (typeof schemes)[number];
      for (const axis of [0, undefined]) {
        const request = weightRequest(values, { dims: [16, 64], axis, bits });
        const plain = scheme.quantize(request);
        const weight = await portably(scheme, { ...request, pairing });
        expect(saturatingPairs(integersOfTensor(weight), pairing)).toBe(0);
        // Half of the range, which is what every pair would need at worst, is four times the error.
        expect(errorOf(request, weight)).toBeLessThan(errorOf(request, plain) * 2.5 + 1e-9);
      }
    },
  );

  it('leaves a weight alone that cannot saturate, or may', async () => {
    const request = weightRequest(values, { dims: [16, 64], axis: 0, bits: 4 });
    expect(await portably(minmax, { ...request, pairing })).toEqual(minmax.quantize(request));
    const wide = { ...request, bits: 8 };
    expect(await portably(minmax, { ...wide, pairing: undefined })).toEqual(minmax.quantize(wide));
  });

  it('leaves the channels alone that need no larger scale', async () => {
    const calm = values.map((w, i) => (i < 64 && i % 2 === 1 ? -Math.abs(w) : i < 64 ? Math.abs(w) : w));
    const request = weightRequest(calm, { dims: [16, 64], axis: 0, bits: 8 });
    const [plain, weight] = [minmax.quantize(request), await portably(minmax, { ...request, pairing })];
    expect(weight.scales[0]).toBe(plain.scales[0]);
    expect([...(weight as AffineTensor).codes.subarray(0, 64)]).toEqual([
      ...(plain as AffineTensor).codes.subarray(0, 64),
    ]);
  });

  it('keeps powers of two', async () => {
    const pow2 = schemes.find(({ name }) => name === 'pow2') as (typeof schemes)[number];
    const request = weightRequest(values, { dims: [16, 64], axis: 0, bits: 8 });
    const weight = await portably(pow2, { ...request, pairing });
    for (const scale of weight.scales) expect(Number.isInteger(Math.log2(scale))).toBe(true);
  });
});

describe('pairedScale', () => {
  it('is where rounding and what pairs are brought down by cost least, as a search finds', async () => {
    const values = normalFloats(64, 3);
    const pairing = rows(1, 64);
    const least = Math.max(...values.map(Math.abs)) / 127;
    const found = pairedScale(pairSums(values, pairing), least, 128);
    const { sums, terms } = pairSums(values, pairing);
    const cost = (s: number) =>
      (terms * s * s) / 12 + sums.reduce((sum, t) => sum + Math.max(0, t - 128 * s) ** 2 / 2, 0);
    const best = Math.min(...Array.from({ length: 20_001 }, (_, i) => cost(least * (1 + i / 20_000))));
    expect(cost(found)).toBeLessThanOrEqual(best * (1 + 1e-6));
    expect(found).toBeGreaterThan(least);
  });

  it('is nearly right for what is really stored: no scale between is better by a tenth', async () => {
    const values = normalFloats(512, 5);
    const pairing = rows(1, 512);
    const request = weightRequest(values, { dims: [1, 512], axis: 0, bits: 8 });
    const made = errorOf(request, await portably(minmax, { ...request, pairing }));
    for (let factor = 1; factor <= 2; factor += 1 / 64) {
      const scaleFloor = Float32Array.of((factor * Math.max(...values.map(Math.abs))) / 127);
      const tried = await portably(minmax, { ...request, scaleFloor, pairing });
      expect(made).toBeLessThan(1.1 * errorOf(request, tried));
    }
  });

  it('is the least scale where no pair is beyond the bound', async () => {
    expect(pairedScale({ sums: Float64Array.of(1, 2), terms: 4 }, 0.5, 128)).toBe(0.5);
    expect(dequantizeTensor(minmax.quantize(weightRequest([0, 0])))).toEqual(new Float32Array(2));
  });
});
