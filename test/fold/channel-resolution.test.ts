import { describe, expect, test } from 'vitest';
import type { BatchNorm } from '../../src/fold/affine.js';
import { losesChannels, sharedRangeDb } from '../../src/fold/channel-resolution.js';
import { node } from '../../src/graph/model.js';

const moments = (beta: number[], gamma: number[]) => ({
  beta: Float32Array.from(beta),
  gamma: Float32Array.from(gamma),
});

describe('what one range would lose', () => {
  /** A BatchNormalization of two channels that are decades apart, and of one whose factor is 0. */
  const norm = (seen: number[], gamma: number[]): BatchNorm => ({
    ...{ node: node('BatchNormalization', ['x'], ['y']), input: 'x', output: 'y' },
    scale: Float64Array.from(gamma, (g, c) => g / (seen[c] as number)),
    shift: new Float64Array(seen.length),
    seen: moments([0, 0, 0], seen),
    momentsFrom: () => moments([0, 0, 0], gamma),
  });

  test('are small channels before it, whatever a channel that it does not let through holds', () => {
    expect(losesChannels(norm([1000, 1, 1], [1, 1, 0]))).toBe(true);
    expect(losesChannels(norm([1, 1, 1000], [1, 1, 0]))).toBe(false);
  });
});

describe('SQNR of channels on one uint8 grid', () => {
  test('one channel, by hand: range ±4σ, step 8σ/255, noise step²/12', () => {
    const db = 10 * Math.log10(1 / ((8 / 255) ** 2 / 12));
    expect(sharedRangeDb(moments([0], [3]), () => 1)).toBeCloseTo(db, 5);
  });

  test('a channel a hundred times as small loses 40 dB, where the layer makes up for it', () => {
    const alone = sharedRangeDb(moments([0], [1]), () => 1);
    const both = sharedRangeDb(moments([0, 0], [1, 0.01]), (c) => (c === 0 ? 1 : 100));
    // Signal doubles, noise grows by 1 + 100².
    expect(both).toBeCloseTo(alone + 10 * Math.log10(2 / 10001), 5);
  });

  test('a mean far from 0 widens the range, which includes 0', () => {
    const centred = sharedRangeDb(moments([0], [1]), () => 1);
    expect(sharedRangeDb(moments([12], [1]), () => 1)).toBeCloseTo(centred - 20 * Math.log10(2), 5);
  });

  test('channels without weight or deviation do not count', () => {
    expect(sharedRangeDb(moments([0, 1000, 5], [1, 1000, 0]), (c) => (c === 1 ? 0 : 1))).toBeCloseTo(
      sharedRangeDb(moments([0], [1]), () => 1),
      5,
    );
    expect(sharedRangeDb(moments([3], [0]), () => 1)).toBe(Number.POSITIVE_INFINITY);
  });
});
