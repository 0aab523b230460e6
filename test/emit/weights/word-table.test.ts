import { describe, expect, it } from 'vitest';
import { wordTable } from '../../../src/emit/weights/word-table.js';
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

describe('words of codes', () => {
  it('6 bits: two codes in 12, the low byte and the four bits above it', () => {
    // 31 = 011111, −31 = 100001 → 0111_1110_0001; 1, −1 → 000001_111111 = 0000_0111_1111.
    const emitted = emitForm(wordTable, affine([31, -31, 1, -1], 6), 13);
    expect(storedBytes(emitted, 'w_q6')).toEqual([0b1110_0001, 0b0111_1111]);
    expect(storedBytes(emitted, 'w_q6_1')).toEqual([0b0111_0000]);
  });

  it('5 bits: two codes in 10, the two bits above the byte four words a byte', () => {
    // 15, −15 → 01111_10001 = 01 1111_0001; −1, 0 → 11111_00000 = 11 1110_0000.
    const emitted = emitForm(wordTable, affine([15, -15, -1, 0], 5), 13);
    expect(storedBytes(emitted, 'w_q5').slice(0, 2)).toEqual([0b1111_0001, 0b1110_0000]);
    expect(storedBytes(emitted, 'w_q5_1')).toEqual([0b0111_0000]);
  });

  it('3 bits: four codes in 12', () => {
    // 3, −3, 0, 1 → 011_101_000_001 = 0111 0100_0001.
    const emitted = emitForm(wordTable, affine([3, -3, 0, 1], 3), 13);
    expect(storedBytes(emitted, 'w_q3')[0]).toBe(0b0100_0001);
    expect(storedBytes(emitted, 'w_q3_1')).toEqual([0b0111_0000]);
  });

  it('7 bits: two codes in 14, four and two bits above the byte', () => {
    // 63, −63 → 0111111_1000001 = 01 1111 1100_0001.
    const emitted = emitForm(wordTable, affine([63, -63], 7), 13);
    expect(storedBytes(emitted, 'w_q7')[0]).toBe(0b1100_0001);
    expect(storedBytes(emitted, 'w_q7_1')[0]).toBe(0b1111_0000);
    expect(storedBytes(emitted, 'w_q7_2')).toEqual([0b0100_0000]);
  });

  const cases = [3, 5, 6, 7].flatMap((bits) => [1, 2, 8, 27, 200].map((count) => ({ bits, count })));
  it.each(cases)('$count codes of $bits bits are themselves', async ({ bits, count }) => {
    const top = 2 ** (bits - 1) - 1;
    const codes = Array.from({ length: count }, (_, i) => ((i * 5) % (2 * top + 1)) - top);
    for (const opset of [13, 21]) {
      const emitted = emitForm(wordTable, affine(codes, bits), opset);
      expect(await integersIn(emitted)).toEqual(codes);
      if (count !== 200) continue;
      // Just its width, rounded up to four whole words: eight or sixteen codes.
      const sizes = ['', '_1', '_2'].map((part) =>
        emitted.constants.has(`w_q${bits}${part}`) ? storedSize(emitted, `w_q${bits}${part}`) : 0,
      );
      expect(sizes.reduce((a, b) => a + b)).toBe((200 * bits) / 8);
    }
  });

  it.each(manyCodebooks([3, 5, 6, 7]))(
    'codebooks: $bits bits, $dims along $axis, $block channels',
    async ({ tensor }) => {
      expect(await integersIn(emitForm(wordTable, tensor, 13))).toEqual(levelsOf(tensor));
    },
  );
});

describe('what it holds', () => {
  const target = { opset: 13, irVersion: 7 };
  const holds = (bits: number, count: number) => wordTable.holds(affine(Array(count).fill(0), bits), target);

  it('the widths that do not divide a byte, where more is saved than its nodes take', () => {
    expect([2, 3, 4, 5, 6, 7, 8].map((bits) => holds(bits, 16_384))).toEqual([
      false,
      true,
      false,
      true,
      true,
      true,
      false,
    ]);
    // A bit a code is 1,024 bytes of 8,192 codes.
    expect([holds(7, 8192), holds(7, 8208), holds(5, 2736), holds(5, 2720)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('many codebooks only where their tables are no larger than the weight', () => {
    const of = (channels: number, each: number) =>
      codebooks(Array(channels * each).fill(0), Array(channels * 32).fill(0), 5, [channels, each], 0, 1);
    // 1,024 words of two codes for each codebook.
    expect([wordTable.holds(of(8, 2048), target), wordTable.holds(of(8, 2047), target)]).toEqual([
      true,
      false,
    ]);
  });
});
