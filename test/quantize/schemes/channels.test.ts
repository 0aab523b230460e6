import { describe, expect, it } from 'vitest';
import {
  codebookBlocks,
  joinChannels,
  largestMagnitude,
  splitChannels,
} from '../../../src/quantize/schemes/channels.js';

describe('the channels of a weight', () => {
  // [2, 3, 2]: rows of 6, channels of 2 within each.
  const values = Float32Array.from({ length: 12 }, (_, i) => i);
  const byChannel = [
    [0, 1, 6, 7],
    [2, 3, 8, 9],
    [4, 5, 10, 11],
  ];

  it('are runs of every row along the axis, by hand', () => {
    const parts = splitChannels({ values, dims: [2, 3, 2], axis: 1 });
    expect(parts.map((part) => [...part])).toEqual(byChannel);
    expect(splitChannels({ values, dims: [12], axis: undefined })).toEqual([values]);
  });

  it('are put back where they were', () => {
    const parts = byChannel.map((part) => Int8Array.from(part));
    const joined = joinChannels(parts, { dims: [2, 3, 2], axis: 1 }, new Int8Array(12));
    expect([...joined]).toEqual([...values]);
    const whole = joinChannels([Uint8Array.of(3, 4)], { dims: [2], axis: undefined }, new Uint8Array(2));
    expect([...whole]).toEqual([3, 4]);
  });

  it.each([
    [1, 1],
    [40, 1],
    [3, 0],
  ])('come back from runs of %i along axis %i', (inner, axis) => {
    const dims = [4, 5, inner];
    const codes = Float32Array.from({ length: 20 * inner }, (_, i) => i % 128);
    const parts = splitChannels({ values: codes, dims, axis }).map((part) => Int8Array.from(part));
    const [outer, channels] = axis === 1 ? [4, 5] : [1, 4];
    expect(parts).toHaveLength(channels);
    expect(parts[1]?.[0]).toBe((axis === 1 ? inner : 5 * inner) % 128);
    expect(parts[1]).toHaveLength((20 * inner * outer) / (outer * channels));
    expect([...joinChannels(parts, { dims, axis }, new Int8Array(20 * inner))]).toEqual([...codes]);
  });

  it('share codebooks block by block, the last one smaller', () => {
    expect(codebookBlocks(5, 2)).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ]);
    expect(codebookBlocks(5, undefined)).toEqual([[0, 5]]);
  });

  it('have a largest magnitude', () => {
    expect(largestMagnitude(Float32Array.of(1, -3, 2))).toBe(3);
    expect(largestMagnitude(new Float32Array(0))).toBe(0);
  });
});
