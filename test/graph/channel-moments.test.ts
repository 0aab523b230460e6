import { describe, expect, it } from 'vitest';
import {
  constant,
  even,
  expanded,
  mapped,
  momentsOfBatchNorm,
  normal,
  pooled,
  product,
  sum,
} from '../../src/graph/channel-moments.js';

const relu = (x: number) => Math.max(x, 0);
const one = (mean: number, deviation: number) =>
  normal(Float64Array.of(mean), Float64Array.of(deviation ** 2));

/** Φ by the error function's series (Abramowitz and Stegun 7.1.5). */
function cumulative(z: number): number {
  let [term, total] = [z, z];
  for (let n = 1; n < 200; n++) {
    term *= (-z * z) / (2 * n);
    total += term / (2 * n + 1);
  }
  return 0.5 + total / Math.sqrt(2 * Math.PI);
}

const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

describe('moments of activations', () => {
  it('of a BatchNormalization reach six deviations, whatever the sign of γ', () => {
    const made = momentsOfBatchNorm({ beta: Float32Array.of(1, -2), gamma: Float32Array.of(0.5, -3) });
    expect([...made.low]).toEqual([-2, -20]);
    expect([...made.high]).toEqual([4, 16]);
    expect([...made.variance]).toEqual([0.25, 9]);
  });

  it.each([
    [0, 1],
    [1, 2],
    [-1.5, 1],
    [3, 0.5],
  ])(
    'behind a Relu of N(%d, %d²) are those of the clipped normal (Nagel et al. 2019, appendix C)',
    (mean, deviation) => {
      const z = mean / deviation;
      const expected = mean * cumulative(z) + deviation * density(z);
      const square = (mean ** 2 + deviation ** 2) * cumulative(z) + mean * deviation * density(z);
      const made = mapped(one(mean, deviation), relu);
      expect(made.mean[0]).toBeCloseTo(expected, 2);
      expect(made.variance[0]).toBeCloseTo(square - expected ** 2, 2);
      expect([made.low[0], made.high[0]]).toEqual([0, mean + 6 * deviation]);
    },
  );

  it('find the lowest value of a function that turns', () => {
    // x·clamp(x/6 + ½) is least at −1.5: −0.375.
    const hardSwish = (x: number) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1);
    const { low, high } = mapped(one(0, 1), hardSwish);
    expect(low[0]).toBeCloseTo(-0.375, 6);
    expect(high[0]).toBe(6);
  });

  it('of a sum: means and variances add up, within the sum of the ends', () => {
    const made = sum(one(1, 2), one(2, 3));
    expect([made.mean[0], made.variance[0]]).toEqual([3, 13]);
    expect(made.high[0]).toBeCloseTo(3 + 6 * Math.sqrt(13), 10);
    const clipped = sum(mapped(one(1, 2), relu), mapped(one(2, 3), relu));
    expect(clipped.low[0]).toBe(0);
  });

  it('of a product are bounded by the corners', () => {
    const made = product(
      even(Float64Array.of(-1), Float64Array.of(2)),
      even(Float64Array.of(-3), Float64Array.of(1)),
    );
    expect([made.low[0], made.high[0]]).toEqual([-6, 3]);
    // E = 0.5·(−1); E[x²] = 9/12 + 0.25 = 1, E[y²] = 16/12 + 1: Var = 7/3 − 1/4.
    expect(made.mean[0]).toBe(-0.5);
    expect(made.variance[0]).toBeCloseTo(7 / 3 - 0.25, 12);
  });

  it('pooled are those of the mixture', () => {
    const made = pooled(constant([1, 3]));
    expect([made.mean[0], made.variance[0], made.low[0], made.high[0]]).toEqual([2, 1, 1, 3]);
  });

  it('serve the block that a channel was flattened into, and all where nothing fits', () => {
    expect([...expanded(constant([1, 3]), 4).mean]).toEqual([1, 1, 3, 3]);
    expect([...expanded(constant([1, 3]), 3).mean]).toEqual([2, 2, 2]);
  });
});
