import { expect, it } from 'vitest';
import { levelUse } from '../../src/evaluate/dead-levels.js';

const scales = Float32Array.of(1, 1);

it('counts the integers that no weight has, over all channels together', () => {
  const weight = { kind: 'affine', dims: [2, 3], bits: 3, axis: 0, scales } as const;
  // Of −4 … 3 the codes −4, −1 and 2 have no weight.
  expect(levelUse({ ...weight, codes: Int8Array.of(-3, -2, 0, 1, 3, 3) })).toEqual({
    deadLevels: 3,
    levels: 8,
  });
});

it('knows that 8 bits have no −128', () => {
  const codes = Int8Array.from({ length: 255 }, (_, i) => i - 127);
  const weight = { kind: 'affine', dims: [255], bits: 8, axis: undefined, scales } as const;
  expect(levelUse({ ...weight, codes })).toEqual({ deadLevels: 0, levels: 255 });
});

it('counts each codebook by itself, and equal levels once', () => {
  const weight = {
    kind: 'codebook',
    dims: [2, 3],
    bits: 2,
    axis: 0,
    scales,
    channelsPerCodebook: 1,
  } as const;
  // The first channel uses −5, 0 and 7; the second 0 twice, under two indices, and 9.
  const levels = Int8Array.of(-5, 0, 3, 7, 0, 0, 9, 127);
  const indices = Uint8Array.of(0, 1, 3, 0, 1, 2);
  expect(levelUse({ ...weight, levels, indices })).toEqual({ deadLevels: 3, levels: 8 });
});

it('counts a codebook that all channels share once', () => {
  const weight = { kind: 'codebook', dims: [2, 2], bits: 2, axis: 0, scales } as const;
  const parts = { levels: Int8Array.of(-2, -1, 1, 2), indices: Uint8Array.of(0, 0, 3, 1) };
  expect(levelUse({ ...weight, ...parts, channelsPerCodebook: undefined })).toEqual({
    deadLevels: 1,
    levels: 4,
  });
});
