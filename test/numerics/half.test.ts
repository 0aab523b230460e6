import { describe, expect, test } from 'vitest';
import { dataTypeCodes } from '../../src/graph/data-type.js';
import { bfloat16ToNumber, halfToNumber, numberToBfloat16, numberToHalf } from '../../src/numerics/half.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

/** Float32 numbers through the 16-bit type in onnxruntime, and back. */
async function throughRuntime(type: 'float16' | 'bfloat16', data: Float32Array): Promise<number[]> {
  const g = new GraphBuilder();
  g.input('x', [data.length]);
  g.node('Cast', ['x'], 'narrow', { to: dataTypeCodes[type] });
  g.node('Cast', ['narrow'], 'y', { to: dataTypeCodes.float32 });
  g.output('y', [data.length]);
  const outputs = await runIn('disabled', g.build(), { x: { type: 'float32', dims: [data.length], data } });
  return numbersOf(outputs.get('y'));
}

/** Float32 numbers of every magnitude that the two types know, and beyond. */
const spread = Float32Array.from(
  randomFloats(20000, 3),
  (x, i) => x * 2 ** (-140 + ((i * 0.01373) % 1) * 267),
);

describe('float16', () => {
  test.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('the bits %i are %d', (bits, value) => {
    expect(halfToNumber(bits)).toBe(value);
    expect(numberToHalf(value)).toBe(bits);
  });

  test.each([
    ['a tie goes to the even neighbour below', 1 + 2 ** -11, 0x3c00],
    ['a tie goes to the even neighbour above', 1 + 3 * 2 ** -11, 0x3c02],
    ['just above a tie, less than a float32 can tell', 1 + 2 ** -11 + 2 ** -40, 0x3c01],
    ['the last number that is no infinity', 65519.999, 0x7bff],
    ['halfway to the next step is infinity', 65520, 0x7c00],
    ['half of the smallest subnormal is a tie with 0', 2 ** -25, 0],
    ['above half of the smallest subnormal', 2 ** -25 * 1.0001, 1],
    ['the largest subnormal rounds up into the normals', 2 ** -14 - 2 ** -26, 0x0400],
    ['a carry out of the mantissa', 2 - 2 ** -12, 0x4000],
  ])('%s', (_, value, bits) => {
    expect(numberToHalf(value)).toBe(bits);
    expect(numberToHalf(-value)).toBe(bits | 0x8000);
  });

  test('all 65536 bit patterns come back', () => {
    const wrong = Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) => {
      const isNan = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      return isNan ? !Number.isNaN(halfToNumber(bits)) : numberToHalf(halfToNumber(bits)) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  test('rounds as onnxruntime does', async () => {
    expect(Array.from(spread, (x) => halfToNumber(numberToHalf(x)))).toEqual(
      await throughRuntime('float16', spread),
    );
  });
});

describe('bfloat16', () => {
  test.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -133],
    [0x0080, 2 ** -126],
    [0x3f80, 1],
    [0xc049, -3.140625],
    [0x7f80, Number.POSITIVE_INFINITY],
    [0xff80, Number.NEGATIVE_INFINITY],
    [0x7fc0, Number.NaN],
  ])('the bits %i are %d', (bits, value) => {
    expect(bfloat16ToNumber(bits)).toBe(value);
    expect(numberToBfloat16(value)).toBe(bits);
  });

  test.each([
    ['a tie goes to the even neighbour below', 1 + 2 ** -8, 0x3f80],
    ['a tie goes to the even neighbour above', 1 + 3 * 2 ** -8, 0x3f82],
    ['just above a tie, less than a float32 can tell', 1 + 2 ** -8 + 2 ** -40, 0x3f81],
    ['just below a tie, less than a float32 can tell', 1 + 3 * 2 ** -8 - 2 ** -40, 0x3f81],
    ['past the largest number', 3.4e38, 0x7f80],
    ['half of the smallest subnormal is a tie with 0', 2 ** -134, 0],
    ['a carry out of the mantissa', 2 - 2 ** -9, 0x4000],
  ])('%s', (_, value, bits) => {
    expect(numberToBfloat16(value)).toBe(bits);
    expect(numberToBfloat16(-value)).toBe(bits | 0x8000);
  });

  test('all 65536 bit patterns come back', () => {
    const wrong = Array.from({ length: 0x10000 }, (_, bits) => bits).filter((bits) => {
      const isNan = (bits & 0x7f80) === 0x7f80 && (bits & 0x7f) !== 0;
      return isNan
        ? !Number.isNaN(bfloat16ToNumber(bits))
        : numberToBfloat16(bfloat16ToNumber(bits)) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  test('rounds as onnxruntime does', async () => {
    expect(Array.from(spread, (x) => bfloat16ToNumber(numberToBfloat16(x)))).toEqual(
      await throughRuntime('bfloat16', spread),
    );
  });
});
