import { describe, expect, it } from 'vitest';
import {
  bestFactors,
  type ChannelSizes,
  channelSizes,
  largestGainDb,
} from '../../src/fold/channel-factors.js';

/** Channels with these peaks, read by one output with one weight each. */
function sizesOf(peaks: readonly number[], weights: readonly number[]): ChannelSizes {
  return {
    peaks: Float64Array.from(peaks),
    squares: Float64Array.from(peaks, (peak) => (peak / 4) ** 2),
    isSigned: true,
    weightSquares: Float64Array.from(weights, (w) => w * w),
    weightPeaks: Float64Array.from(weights),
    readers: [
      {
        peaks: Float32Array.from(weights),
        channelsPerOutput: weights.length,
        firstChannel: () => 0,
        taps: 1,
      },
    ],
  };
}

describe('the factors of channels', () => {
  it('even out what weights undo exactly, by hand: s = peak(x)^α / peak(w)^(1−α), 1 for the middle one', () => {
    // Each product of peaks is 16: whatever α is, s = peak(x) / 4 · (a power of 16), which the middle one takes away.
    const factors = bestFactors(sizesOf([1, 4, 64], [16, 4, 0.25]), { growth: 'both ways', values: 'real' });
    [0.25, 1, 16].forEach((wanted, c) => {
      expect(factors?.[c]).toBeCloseTo(wanted, 9);
    });
  });

  it('are of one α for all channels', () => {
    const [peaks, weights] = [
      [1, 8, 64, 300],
      [2, 3, 5, 7],
    ] as const;
    const factors = bestFactors(sizesOf(peaks, weights), { growth: 'both ways', values: 'real' });
    const logs = Array.from(factors ?? [], Math.log2);
    // log s = α·(log p + log w) − log w − c: two channels tell α and c, the others follow.
    const products = peaks.map((peak, c) => Math.log2(peak * (weights[c] as number)));
    const wanted = weights.map((w, c) => (logs[c] as number) + Math.log2(w));
    const slope = (i: number, j: number) =>
      ((wanted[i] as number) - (wanted[j] as number)) / ((products[i] as number) - (products[j] as number));
    expect(slope(0, 1)).toBeCloseTo(slope(0, 2), 9);
    expect(slope(0, 1)).toBeCloseTo(slope(0, 3), 9);
    expect(slope(0, 1)).toBeGreaterThan(0);
    expect(slope(0, 1)).toBeLessThan(1);
  });

  it('only shrink where they may not grow, and round to powers of two', () => {
    const sizes = sizesOf([1, 4, 70], [16, 4, 0.25]);
    const factors = bestFactors(sizes, { growth: 'shrinking', values: 'powers of two' });
    expect([...(factors ?? [])]).toEqual([1, 1, 16]);
  });

  it('are none where channels are alike', () => {
    expect(
      bestFactors(sizesOf([2, 2, 2], [1, 1, 1]), { growth: 'both ways', values: 'real' }),
    ).toBeUndefined();
  });

  it('stand on the sizes of channels, one for all where no more is known', () => {
    const known = { low: [-3], high: [5], mean: [1], variance: [4] } as const;
    const one = (values: readonly number[]) => Float64Array.from(values);
    const moments = {
      ...{ mean: one(known.mean), variance: one(known.variance) },
      ...{ low: one(known.low), high: one(known.high) },
    };
    // The ends cut μ ± 4σ = −7 … 9; E[x²] = σ² + μ².
    const sizes = channelSizes(moments, [], 2);
    expect([[...sizes.peaks], [...sizes.squares]]).toEqual([
      [5, 5],
      [5, 5],
    ]);
  });

  it('could gain the ratio of one step for all to one step each, by hand', () => {
    // (8²·(1 + 4)) / (8²·1 + 2²·4) = 320 / 80.
    const sizes = { peaks: Float64Array.of(8, 2), weightSquares: Float64Array.of(1, 4) };
    expect(largestGainDb(sizes)).toBeCloseTo(10 * Math.log10(4), 9);
  });
});
