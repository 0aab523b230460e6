import { describe, expect, it } from 'vitest';
import { type BlockRequest, quantizeBlocks } from '../../src/quantize/blocks.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { randomFloats } from '../support/graph-builder.js';
import { normalFloats } from '../support/weight-request.js';

const request = (values: ArrayLike<number>, more: Partial<BlockRequest> = {}): BlockRequest => ({
  values: Float32Array.from(values),
  dims: [values.length, 1],
  axis: 1,
  bits: 4,
  scheme: 'minmax',
  size: 16,
  asymmetric: false,
  ...more,
});

const errorOf = (asked: BlockRequest): number => {
  const stored = dequantizeTensor(quantizeBlocks(asked));
  return asked.values.reduce((sum, w, i) => sum + (w - (stored[i] as number)) ** 2, 0);
};

describe('min-max blocks', () => {
  it('symmetric: by hand, the middle code is 0 and the largest magnitude is 7 steps', () => {
    // 17 weights: a block whose largest magnitude is 14 and one of a single weight, padded with the zero point.
    const weights = [-14, 7, 5, 3, -3, 1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0.5];
    const { codes, scales, zeroPoints } = quantizeBlocks(request(weights));
    expect([...scales]).toEqual([2, Math.fround(0.5 / 7)]);
    // Halves go to the even code: 7/2 → 4, 5/2 → 2, 3/2 → 2, 1/2 → 0.
    expect([...codes.subarray(0, 16)].map((code) => code - 8)).toEqual([
      -7, 4, 2, 2, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]);
    expect([...codes.subarray(16)]).toEqual([15, ...new Array<number>(15).fill(8)]);
    expect(zeroPoints).toBeUndefined();
  });

  it('asymmetric: by hand, the range of the block over all codes, 0 exact', () => {
    const weights = [-5, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -2, -3, -4];
    const { codes, scales, zeroPoints } = quantizeBlocks(request(weights, { asymmetric: true }));
    // 15 units in 15 steps.
    expect([...scales, ...(zeroPoints ?? [])]).toEqual([1, 5]);
    expect([...codes]).toEqual(weights.map((w) => w + 5));
  });

  it('a column of 8 bits reads along the inputs, whichever way the weight lies', () => {
    const values = randomFloats(40 * 3, 1);
    const across = new Float32Array(values.length);
    for (let i = 0; i < 40; i++) for (let o = 0; o < 3; o++) across[o * 40 + i] = values[i * 3 + o] as number;
    const way = { bits: 8, size: 32 };
    const a = quantizeBlocks(request(values, { ...way, dims: [40, 3], axis: 1 }));
    const b = quantizeBlocks(request(across, { ...way, dims: [3, 40], axis: 0 }));
    expect([b.codes, b.scales]).toEqual([a.codes, a.scales]);
    expect(a.codes.length).toBe(3 * 2 * 32);
    const [back, acrossBack] = [dequantizeTensor(a), dequantizeTensor(b)];
    for (let i = 0; i < 40; i++) {
      for (let o = 0; o < 3; o++) {
        expect(acrossBack[o * 40 + i]).toBe(back[i * 3 + o]);
        // Half a step of a block whose magnitudes stay below 1.
        expect(Math.abs((back[i * 3 + o] as number) - (values[i * 3 + o] as number))).toBeLessThan(
          0.51 / 127,
        );
      }
    }
  });

  it('a block of zeros stays zeros, with a scale above 0', () => {
    for (const scheme of ['minmax', 'mse']) {
      for (const asymmetric of [false, true]) {
        const tensor = quantizeBlocks(request(new Float32Array(16), { scheme, asymmetric }));
        expect(tensor.scales[0]).toBeGreaterThan(0);
        expect([...dequantizeTensor(tensor)]).toEqual(new Array<number>(16).fill(0));
      }
    }
  });
});

describe('least squares', () => {
  /** The least error of uniform codes at 4,000 scales, and all zero points where there are some. */
  function bruteForce(weights: Float32Array, bits: number, zeroPoints: readonly number[]): number {
    const most = weights.reduce((max, w) => Math.max(max, Math.abs(w)), 0);
    let least = Number.POSITIVE_INFINITY;
    for (const zeroPoint of zeroPoints) {
      for (let k = 1; k <= 4000; k++) {
        const scale = (2.2 * most * k) / 4000 / 2 ** (bits - 1);
        let error = 0;
        for (const w of weights) {
          const code = Math.min(Math.max(Math.round(w / scale) + zeroPoint, 0), 2 ** bits - 1);
          error += (w - scale * (code - zeroPoint)) ** 2;
        }
        least = Math.min(least, error);
      }
    }
    return least;
  }

  it('symmetric: no scale is better, and min-max is worse', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const weights = normalFloats(32, seed);
      const asked = request(weights, { scheme: 'mse', size: 32 });
      expect(errorOf(asked)).toBeLessThanOrEqual(1.001 * bruteForce(weights, 4, [8]));
      expect(errorOf(asked)).toBeLessThanOrEqual(errorOf({ ...asked, scheme: 'minmax' }));
    }
  });

  it('asymmetric: at most a twentieth above the best of all zero points and scales, over some blocks', () => {
    let [found, best, ranged] = [0, 0, 0];
    for (let seed = 1; seed <= 12; seed++) {
      const weights = normalFloats(32, seed).map((w) => w + 0.5);
      const asked = request(weights, { scheme: 'mse', size: 32, asymmetric: true });
      found += errorOf(asked);
      ranged += errorOf({ ...asked, scheme: 'minmax' });
      best += bruteForce(
        weights,
        4,
        Array.from({ length: 16 }, (_, k) => k),
      );
    }
    expect(found).toBeLessThanOrEqual(1.05 * best);
    expect(found).toBeLessThan(ranged);
  });
});
