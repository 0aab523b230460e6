import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import {
  fixedPoint,
  highMultiplication,
  multiplyFixedPoint,
  roundingDivideByPowerOfTwo,
  roundingDoublingHighMul,
  shiftForm,
  shiftsAlone,
} from '../../src/numerics/fixed-point.js';

const random = seededRandom(3);
const edges = [0, 1, -1, 2 ** 30, -(2 ** 30), 2 ** 31 - 1, -(2 ** 31)];

/** Integers of 32 bits, of every size, and those at the edges. */
const int32s = [
  ...edges,
  ...Array.from({ length: 200 }, () => Math.floor((random() - 0.5) * 2 ** Math.ceil(random() * 32))),
];

/** Real numbers of every size between two. */
const realsBetween = (low: number, high: number) =>
  Array.from({ length: 500 }, () => low * (high / low) ** random());

/** ab·2⁻³¹ to the nearest, ties away from zero, saturated: exact, in integers of any size. */
function highMul(a: number, b: number): number {
  const product = BigInt(a) * BigInt(b);
  const [sign, size] = product < 0n ? [-1n, -product] : [1n, product];
  // A negative tie goes towards zero in gemmlowp: its nudge is 1 − 2³⁰.
  const rounded = (size + (sign < 0n ? 2n ** 30n - 1n : 2n ** 30n)) / 2n ** 31n;
  return Math.min(2 ** 31 - 1, Number(sign * rounded));
}

describe('a real multiplier as M0·2^shift', () => {
  it.each([
    [0.5, 2 ** 30, 0],
    [1, 2 ** 30, 1],
    [0.75, 0.75 * 2 ** 31, 0],
    [0.0003, 1319413953, -11],
    [3, 0.75 * 2 ** 31, 2],
    [1 - 2 ** -40, 2 ** 30, 1],
    [2 ** -40, 0, 0],
    [0, 0, 0],
  ])('%d', (real, multiplier, shift) => {
    expect(fixedPoint(real)).toEqual({ multiplier, shift });
  });

  it('is within 2^-31 of it, M0 with its highest bit set', () => {
    for (const real of realsBetween(2 ** -30, 2 ** 29)) {
      const form = fixedPoint(real);
      expect(form.multiplier).toBeGreaterThanOrEqual(2 ** 30);
      expect(form.multiplier).toBeLessThan(2 ** 31);
      const stored = (form.multiplier / 2 ** 31) * 2 ** form.shift;
      expect(Math.abs(stored / real - 1)).toBeLessThanOrEqual(2 ** -31);
    }
  });

  it.each([-1, 2 ** 30, Number.NaN])('is none for %d', (real) => {
    expect(() => fixedPoint(real)).toThrow(RangeError);
  });
});

describe('the arithmetic', () => {
  it('multiplies as exact integers do', () => {
    for (const a of int32s)
      for (const b of int32s) expect(roundingDoublingHighMul(a, b) + 0).toBe(highMul(a, b) + 0);
  });

  it('divides by powers of two to the nearest, ties away from zero', () => {
    expect([-3, -2, -1, 1, 2, 3, 5].map((x) => roundingDivideByPowerOfTwo(x, 1))).toEqual([
      -2, -1, -1, 1, 1, 2, 3,
    ]);
    for (const x of int32s)
      for (let exponent = 1; exponent <= 30; exponent++) {
        const exact = Math.sign(x) * Math.floor(Math.abs(x) / 2 ** exponent + 0.5);
        expect(roundingDivideByPowerOfTwo(x, exponent) + 0).toBe(exact + 0);
      }
  });

  it('is within one of x·M', () => {
    for (const real of realsBetween(2 ** -20, 1))
      for (const x of int32s.filter((each) => Math.abs(each) <= 2 ** 30))
        expect(Math.abs(multiplyFixedPoint(x, fixedPoint(real)) - x * real)).toBeLessThanOrEqual(1);
  });
});

describe('a shift alone', () => {
  it('is the form of powers of two, and of nothing else', () => {
    expect(shiftForm(1)).toEqual({ multiplier: 1, shift: 0 });
    expect(shiftForm(2 ** -9)).toEqual({ multiplier: 1, shift: -9 });
    expect(shiftForm(8)).toEqual({ multiplier: 1, shift: 3 });
    for (const real of [3, 0.1, 0, 2 ** -9 * (1 + 2 ** -50)]) expect(shiftForm(real)).toBeUndefined();
    // M / 64 is six places further.
    expect(shiftsAlone.divide({ multiplier: 1, shift: -3 }, 64)).toEqual({ multiplier: 1, shift: -9 });
  });

  it('rounds once, halves to even, and saturates', () => {
    const quarters = [-6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7, 10];
    const rounded = quarters.map((x) => shiftsAlone.multiply(x, { multiplier: 1, shift: -2 }) + 0);
    // −1.5, −1.25, −0.75, −0.5, −0.25, 0, 0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.5
    expect(rounded).toEqual([-2, -1, -1, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2]);
    expect(shiftsAlone.multiply(5, { multiplier: 1, shift: 3 })).toBe(40);
    expect(shiftsAlone.multiply(2 ** 30, { multiplier: 1, shift: 4 })).toBe(2 ** 31 - 1);
    expect(shiftsAlone.multiply(-(2 ** 30), { multiplier: 1, shift: 4 })).toBe(-(2 ** 31));
    // M0 rounds twice: 1/4 becomes 1/2, and then 1.
    expect(highMultiplication.multiply(1, { multiplier: 2 ** 30, shift: -1 })).toBe(1);
    expect(shiftsAlone.multiply(1, { multiplier: 1, shift: -2 })).toBe(0);
  });
});
