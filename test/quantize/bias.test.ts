import { describe, expect, it } from 'vitest';
import { biasLimit, quantizeBias, scaleFloor } from '../../src/quantize/bias.js';
import { minmax } from '../../src/quantize/schemes/minmax.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

const INT32_MAX = 2 ** 31 - 1;
const small = { terms: 27, limit: 127 };

describe('biasLimit', () => {
  it('leaves room for the products, by hand', () => {
    // 2^31 − 1 − 27·255·127
    expect(biasLimit(small)).toBe(2_146_609_252);
    expect(biasLimit({ terms: 27, limit: 63 })).toBe(2_147_049_892);
  });

  it('never lets bias and products leave int32 together, up to 33,155 terms', () => {
    // 2^30/(255·127) = 33,155.7
    for (const terms of [1, 100, 4608, 33_155]) {
      expect(biasLimit({ terms, limit: 127 }) + terms * 255 * 127).toBeLessThanOrEqual(INT32_MAX);
    }
  });

  it('is half of the type where products alone could fill it', () => {
    expect(biasLimit({ terms: 10 ** 6, limit: 127 })).toBe(2 ** 30);
  });
});

describe('quantizeBias', () => {
  it('counts in steps of s_x·s_w, rounded half to even, by hand', () => {
    const weightScales = Float32Array.of(0.5, 0.25, 1, 1, 1);
    const bias = Float32Array.of(3, -3, 0.125, 0.375, -0.625);
    const { values, scales } = quantizeBias(bias, 0.25, weightScales, small);
    // Steps 1/8, 1/16, 1/4, 1/4, 1/4: the last three are ties 0.5, 1.5, −2.5.
    expect([...scales]).toEqual([0.125, 0.0625, 0.25, 0.25, 0.25]);
    expect([...values]).toEqual([24, -48, 0, 2, -2]);
  });

  it('has one scale for all channels where the weight has', () => {
    const { values, scales } = quantizeBias(Float32Array.of(1, 2), 0.5, Float32Array.of(0.5), small);
    expect([[...values], [...scales]]).toEqual([[4, 8], [0.25]]);
  });
});

describe('scaleFloor', () => {
  it('is next to nothing without a bias: the product of scales stays a normal float32', () => {
    expect([...scaleFloor(undefined, 2, 2, small)]).toEqual([2 ** -126, 2 ** -126]);
    expect([...scaleFloor(undefined, 2 ** -10, 1, small)]).toEqual([2 ** -116]);
  });

  it('is |b|/(s_x·limit) for each channel, the largest for one scale', () => {
    const bias = Float32Array.of(0, 1000, -4000);
    const step = (b: number) => b / (0.5 * 2_146_609_252);
    const floor = scaleFloor(bias, 0.5, 3, small);
    expect(floor[0]).toBe(2 ** -125);
    for (const [c, b] of [
      [1, 1000],
      [2, 4000],
    ] as const) {
      const relative = (floor[c] as number) / step(b);
      expect(relative).toBeGreaterThanOrEqual(1);
      expect(relative).toBeLessThan(1 + 2 ** -21);
    }
    expect([...scaleFloor(bias, 0.5, 1, small)]).toEqual([floor[2]]);
  });
});

describe('a bias that is too large for its weights', () => {
  /** Weight and bias of a layer, two elements a channel, as they are stored. */
  function stored(
    weights: readonly number[],
    bias: readonly number[],
    inputScale: number,
    accumulator = small,
  ) {
    const biases = Float32Array.from(bias);
    const floor = scaleFloor(biases, inputScale, biases.length, accumulator);
    const request = { values: Float32Array.from(weights), dims: [biases.length, 2], bits: 8 };
    const weight = minmax.quantize({
      ...request,
      axis: 0,
      channelsPerCodebook: undefined,
      limit: accumulator.limit,
      scaleFloor: floor,
    });
    return { weight, floor, ...quantizeBias(biases, inputScale, weight.scales, accumulator) };
  }

  it('raises the scale of its channel alone', () => {
    const weights = [1, -0.5, 1e-9, -1e-9, 0.3, 0.2];
    const { weight, floor, values } = stored(weights, [1, 1000, 1], 0.02);
    const plain = stored(weights, [0, 0, 0], 0.02);
    expect(weight.scales[1]).toBe(floor[1]);
    expect(weight.scales[1]).toBeGreaterThan((plain.weight.scales[1] as number) * 1000);
    for (const c of [0, 2]) expect(weight.scales[c]).toBe(plain.weight.scales[c]);
    expect(Math.abs(values[1] as number)).toBeLessThanOrEqual(biasLimit(small));
  });

  it('is within its limit and nearly exact, at the product of the scales', () => {
    forSeeds(300, (random) => {
      const accumulator = { terms: anyInteger(random, 1, 30_000), limit: random() < 0.5 ? 127 : 63 };
      const inputScale = Math.fround(10 ** (random() * 8 - 6));
      const bias = Array.from({ length: 4 }, () => Math.fround((random() - 0.5) * 10 ** (random() * 10 - 3)));
      const weights = Array.from({ length: 8 }, () => (random() - 0.5) * 10 ** (random() * 12 - 11));
      const { weight, values, scales } = stored(weights, bias, inputScale, accumulator);
      const limit = biasLimit(accumulator);
      bias.forEach((b, c) => {
        const scale = scales[c] as number;
        const code = values[c] as number;
        expect(scale).toBe(Math.fround(inputScale * (weight.scales[c] as number)));
        expect(scale).toBeGreaterThanOrEqual(2 ** -126);
        expect(Math.abs(code)).toBeLessThanOrEqual(limit);
        // Nothing is clipped: half a step, and that only.
        expect(Math.abs(code * scale - b)).toBeLessThanOrEqual((scale / 2) * (1 + 1e-9));
        expect(Math.abs(code) + accumulator.terms * 255 * accumulator.limit).toBeLessThanOrEqual(INT32_MAX);
      });
    });
  });
});
