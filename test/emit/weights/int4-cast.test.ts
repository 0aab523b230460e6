import { describe, expect, it } from 'vitest';
import { int4Cast } from '../../../src/emit/weights/int4-cast.js';
import {
  affine,
  codebook,
  emitForm,
  integersIn,
  storedBytes,
  storedSize,
} from '../../support/weight-form.js';

describe('int4 constants', () => {
  it('pack two codes a byte, the first in the low half', () => {
    // 1 = 0001, −1 = 1111 → 0xf1; 7 = 0111, −7 = 1001 → 0x97; 3 alone in the low half.
    expect(storedBytes(emitForm(int4Cast, affine([1, -1, 7, -7, 3], 4), 21), 'w_q4')).toEqual([
      0xf1, 0x97, 0x03,
    ]);
  });

  it.each([1, 2, 3, 6, 27])('%d codes: read by a session as they are, half a byte each', async (count) => {
    for (const bits of [3, 4]) {
      const top = 2 ** (bits - 1) - 1;
      const codes = Array.from({ length: count }, (_, i) => ((i * 5) % (2 * top + 1)) - top);
      const emitted = emitForm(int4Cast, affine(codes, bits), 21);
      expect(await integersIn(emitted)).toEqual(codes);
      expect(storedSize(emitted, 'w_q4')).toBe(Math.ceil(count / 2));
      expect(emitted.ops).toEqual(['Cast']);
    }
  });

  it('hold uniform codes of 3 and 4 bits, from opset 21 and IR 10 on', () => {
    const target = { opset: 21, irVersion: 10 };
    expect([2, 3, 4, 5, 8].map((bits) => int4Cast.holds(affine([0], bits), target))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(int4Cast.holds(affine([0], 4), { opset: 20, irVersion: 10 })).toBe(false);
    expect(int4Cast.holds(affine([0], 4), { opset: 21, irVersion: 9 })).toBe(false);
    expect(int4Cast.holds(codebook([0], Array(16).fill(0), 4), target)).toBe(false);
  });
});
