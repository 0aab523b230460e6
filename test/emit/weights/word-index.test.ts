import { describe, expect, it } from 'vitest';
import { wordIndex } from '../../../src/emit/weights/word-index.js';
import {
  affine,
  codebooks,
  emitForm,
  integersIn,
  levelsOf,
  manyCodebooks,
  storedBytes,
  storedSize,
} from '../../support/weight-form.js';

/** Codebooks along axis 0. */
function many(bits: number, dims: readonly [number, number], block: number) {
  const [channels, each] = dims;
  const indices = Array.from({ length: channels * each }, (_, i) => (i * 7 + 3) % 2 ** bits);
  const levels = Array.from({ length: Math.ceil(channels / block) * 2 ** bits }, (_, i) => (i % 255) - 127);
  return codebooks(indices, levels, bits, dims, 0, block);
}

describe('words of indices, a codebook for each channel', () => {
  it.each(manyCodebooks([3, 5, 6, 7]))(
    '$bits bits, $dims along $axis, $block channels: every level is found',
    async ({ tensor }) => {
      for (const opset of [13, 21])
        expect(await integersIn(emitForm(wordIndex, tensor, opset))).toEqual(levelsOf(tensor));
    },
  );

  it('3 bits: four indices in 12, and eight levels a channel', () => {
    const tensor = many(3, [16, 64], 1);
    const emitted = emitForm(wordIndex, tensor, 13);
    const [a = 0, b = 0, c = 0, d = 0] = tensor.indices;
    const word = (a << 9) | (b << 6) | (c << 3) | d;
    expect(storedBytes(emitted, 'w_q3')[0]).toBe(word & 0xff);
    const sizes = ['w_q3', 'w_q3_1', 'w_levels'].map((name) => storedSize(emitted, name));
    expect(sizes).toEqual([(16 * 64) / 4, (16 * 64) / 8, 16 * 8]);
  });
});

it('holds codebooks of the widths that do not divide a byte, where there are several and it pays', () => {
  const target = { opset: 13, irVersion: 7 };
  const holds = (bits: number, dims: readonly [number, number], block: number) =>
    wordIndex.holds(many(bits, dims, block), target);
  expect([2, 3, 4, 5, 6, 7].map((bits) => holds(bits, [16, 2048], 1))).toEqual([
    false,
    true,
    false,
    true,
    true,
    true,
  ]);
  expect(holds(3, [16, 16], 1)).toBe(false);
  expect(holds(3, [16, 2048], 16)).toBe(false);
  expect(wordIndex.holds(affine(Array(65_536).fill(0), 3), target)).toBe(false);
});
