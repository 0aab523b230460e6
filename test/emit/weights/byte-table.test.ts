import { describe, expect, it } from 'vitest';
import { byteTable } from '../../../src/emit/weights/byte-table.js';
import { runIn } from '../../support/sessions.js';
import {
  affine,
  codebook,
  codebooks,
  emitForm,
  integersIn,
  levelsOf,
  manyCodebooks,
  storedBytes,
  storedSize,
} from '../../support/weight-form.js';

describe('bytes of uniform codes', () => {
  it('4 bits: two a byte, the first in the high half, two’s complement', () => {
    // 1 = 0001, −1 = 1111 → 0x1f; 7 = 0111, −7 = 1001 → 0x79.
    expect(storedBytes(emitForm(byteTable, affine([1, -1, 7, -7], 4), 13), 'w_q4')).toEqual([0x1f, 0x79]);
  });

  it('3 bits: in slots of 4', () => {
    // 3 = 0011, −3 = 1101; 0 alone in the high half of the last byte.
    expect(storedBytes(emitForm(byteTable, affine([3, -3, 0], 3), 13), 'w_q4')).toEqual([0x3d, 0x00]);
  });

  it('2 bits: four a byte', () => {
    // 1 = 01, −1 = 11, 0 = 00, 1 = 01 → 0111_0001; −1 in the high slot of the second byte.
    const emitted = emitForm(byteTable, affine([1, -1, 0, 1, -1], 2), 13);
    expect(storedBytes(emitted, 'w_q2')).toEqual([0b0111_0001, 0b1100_0000]);
  });

  it('the table has a row for each byte, of what its slots hold', () => {
    const rows = storedBytes(emitForm(byteTable, affine([0, 0], 4), 13), 'int4_table');
    expect(rows).toHaveLength(512);
    // 0x1f → 1, −1; 0x88 → −8, −8; 0x70 → 7, 0.
    expect([rows.slice(62, 64), rows.slice(272, 274), rows.slice(224, 226)]).toEqual([
      [1, -1],
      [-8, -8],
      [7, 0],
    ]);
    const narrow = storedBytes(emitForm(byteTable, affine([0], 2), 13), 'int2_table');
    // 0b0111_0001 → 1, −1, 0, 1; 0b1000_0000 → −2.
    expect(narrow.slice(0b0111_0001 * 4, 0b0111_0001 * 4 + 4)).toEqual([1, -1, 0, 1]);
    expect(narrow[0b1000_0000 * 4]).toBe(-2);
  });
});

describe('bytes of codebooks', () => {
  it('indices as they are, and the levels', async () => {
    const levels = [-128, -100, -77, -64, -50, -32, -16, -1, 0, 3, 9, 27, 81, 100, 126, 127];
    const emitted = emitForm(byteTable, codebook([0, 15, 9, 2, 8], levels, 4), 13);
    expect(storedBytes(emitted, 'w_q4')).toEqual([0x0f, 0x92, 0x80]);
    expect(storedBytes(emitted, 'w_levels')).toEqual(levels);
    // 0x92 → 9, 2.
    const table = storedBytes(emitted, 'index4_in4_table');
    expect(table.slice(2 * 0x92, 2 * 0x92 + 2)).toEqual([9, 2]);
    expect(await integersIn(emitted)).toEqual([-128, 127, 3, -77, 0]);
  });

  it('3 bits, and 2 bits in slots of their own', async () => {
    const three = emitForm(byteTable, codebook([7, 0, 5], [-90, -9, -3, 0, 1, 2, 70, 111], 3), 13);
    expect(await integersIn(three)).toEqual([111, -90, 2]);
    const two = emitForm(byteTable, codebook([3, 0, 1, 2, 3], [-127, -20, 20, 99], 2), 13);
    expect(storedBytes(two, 'w_q2')).toEqual([0b1100_0110, 0b1100_0000]);
    expect(await integersIn(two)).toEqual([99, -127, -20, 20, 99]);
  });
});

describe('what a session computes', () => {
  const cases = [2, 3, 4].flatMap((bits) => [1, 2, 3, 4, 5, 8, 27].map((count) => ({ bits, count })));
  it.each(cases)('$count codes of $bits bits are themselves', async ({ bits, count }) => {
    const top = 2 ** (bits - 1) - 1;
    const codes = Array.from({ length: count }, (_, i) => ((i * 5) % (2 * top + 1)) - top);
    for (const opset of [13, 17, 21]) {
      expect(await integersIn(emitForm(byteTable, affine(codes, bits), opset))).toEqual(codes);
    }
    const emitted = emitForm(byteTable, affine(codes, bits), 13);
    const perByte = bits === 2 ? 4 : 2;
    expect(storedSize(emitted, bits === 2 ? 'w_q2' : 'w_q4')).toBe(Math.ceil(count / perByte));
    // Whole bytes need no cut.
    expect(emitted.ops).toEqual(
      count % perByte === 0
        ? ['Cast', 'Gather', 'Reshape']
        : ['Cast', 'Gather', 'Reshape', 'Slice', 'Reshape'],
    );
  });

  it('in the shape of the weight', async () => {
    const emitted = emitForm(byteTable, affine([1, 0, -1, 1, 1, 0], 2, [3, 1, 2]), 13);
    expect((await runIn('disabled', emitted.model, {})).get('out')?.dims).toEqual([3, 1, 2]);
  });
});

describe('a codebook for each channel or block of channels', () => {
  it('each row in whole bytes, its levels after those of the row before', async () => {
    const tensor = codebooks([3, 0, 1, 2, 2, 0], [-9, -3, 4, 8, 10, 20, 30, 40], 2, [2, 3], 0, 1);
    const emitted = emitForm(byteTable, tensor, 13);
    // Three codes a row leave the last slot of each byte free.
    expect(storedBytes(emitted, 'w_q2')).toEqual([0b1100_0100, 0b1010_0000]);
    expect(storedBytes(emitted, 'w_levels')).toEqual([-9, -3, 4, 8, 10, 20, 30, 40]);
    // The second row's words stand behind the 256 of the first.
    expect(storedBytes(emitted, 'rows_2_1_256')).toEqual([0, 256]);
    expect(await integersIn(emitted)).toEqual([8, -9, -3, 30, 30, 10]);
  });

  it('channels that do not come first are stored so, and put back', async () => {
    const tensor = codebooks(
      [3, 0, 1, 2, 2, 0],
      [1, 2, 3, 4, 10, 20, 30, 40, 50, 60, 70, 80],
      2,
      [2, 3],
      1,
      1,
    );
    const emitted = emitForm(byteTable, tensor, 13);
    // The columns: 3 2, 0 2, 1 0.
    expect(storedBytes(emitted, 'w_q2')).toEqual([0b1110_0000, 0b0010_0000, 0b0100_0000]);
    expect(emitted.ops.at(-1)).toBe('Transpose');
    expect(await integersIn(emitted)).toEqual([4, 10, 60, 3, 30, 50]);
  });

  it.each(manyCodebooks([2, 3, 4]))('$bits bits, $dims along $axis, $block channels', async ({ tensor }) => {
    for (const opset of [13, 21]) {
      expect(await integersIn(emitForm(byteTable, tensor, opset))).toEqual(levelsOf(tensor));
    }
  });

  it('is left to int8 where that is smaller', () => {
    const target = { opset: 13, irVersion: 7 };
    const of = (count: number) => codebooks(Array(2 * count).fill(1), Array(32).fill(5), 4, [2, count], 0, 1);
    // A channel takes half a byte a code and 16 levels: 32 codes.
    expect([9, 31, 32, 33].map((count) => byteTable.holds(of(count), target))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });
});

it('holds up to 4 bits of either kind', () => {
  const holds = (bits: number) => byteTable.holds(affine([0], bits), { opset: 13, irVersion: 7 });
  expect([2, 3, 4, 5, 8].map(holds)).toEqual([true, true, true, false, false]);
});
