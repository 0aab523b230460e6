import { roundHalfEven } from './round.js';

/** A real multiplier M ≥ 0 as an int32 and a shift; what they stand for is the arithmetic's. */
export interface FixedPoint {
  readonly multiplier: number;
  /** −n of the paper; positive where M is 1 or more. */
  readonly shift: number;
}

/** How a network multiplies int32 by real numbers, in integers. */
export interface Arithmetic {
  /** Whether no multiplication is left. */
  readonly isShiftOnly: boolean;
  /** Undefined where a multiplier has no form in it. */
  formOf(real: number): FixedPoint | undefined;
  /** x·M, int32. */
  multiply(x: number, form: FixedPoint): number;
  /** M / count, of a whole number from 1 on; for shifts alone a power of two. */
  divide(form: FixedPoint, count: number): FixedPoint;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const TWO_31 = 2 ** 31;
const TWO_30 = 2 ** 30;

/** From here on a real multiplier has no such form. */
const MOST_REAL = 2 ** 30;

/** A multiplier of less than 2^−32 leaves nothing of an int32. */
const LEAST_SHIFT = -31;

/**
 * M = 2^shift · M0/2^31 (Jacob et al. 2018, eq. 5–6): `multiplier` is round(2^31·M0), from 2^30 to 2^31 − 1, or 0 where M is too
 * small to have any effect.
 *
 * @param real - M ≥ 0, below `MOST_REAL`
 */
export function fixedPoint(real: number): FixedPoint {
  if (!(real >= 0 && real < MOST_REAL)) throw new RangeError(`${real} has no fixed-point form`);
  if (real === 0) return { multiplier: 0, shift: 0 };
  let shift = Math.floor(Math.log2(real)) + 1;
  // The logarithm can round across a power of two.
  while (real / 2 ** shift >= 1) shift++;
  while (real / 2 ** shift < 0.5) shift--;
  let multiplier = Math.floor((real / 2 ** shift) * TWO_31 + 0.5);
  if (multiplier === TWO_31) {
    multiplier /= 2;
    shift++;
  }
  return shift < LEAST_SHIFT ? { multiplier: 0, shift: 0 } : { multiplier, shift };
}

/** M = multiplier · 2^shift, the multiplier 1; undefined for what is no power of two. */
export function shiftForm(real: number): FixedPoint | undefined {
  const shift = Math.round(Math.log2(real));
  return real > 0 && real === 2 ** shift ? { multiplier: 1, shift } : undefined;
}

/**
 * x·2^shift, rounded once, halves to even: what a float multiplication by a power of two, and the runtime's rounding behind it,
 * come to. Saturated to int32.
 *
 * @param x - int32
 */
export function shiftRounding(x: number, shift: number): number {
  // Exact: a double holds 32 bits of x whatever the exponent.
  const scaled = x * 2 ** shift;
  return Math.min(INT32_MAX, Math.max(INT32_MIN, roundHalfEven(scaled)));
}

/**
 * The high half of 2·a·b, rounded to the nearest, and saturated: gemmlowp's SaturatingRoundingDoublingHighMul, one
 * instruction on ARM (SQRDMULH). Its nudge and C's truncation together take halves up, towards +∞.
 *
 * @param a - int32
 * @param b - int32
 */
export function roundingDoublingHighMul(a: number, b: number): number {
  if (a === INT32_MIN && b === INT32_MIN) return INT32_MAX;
  // a·b = quotient·2^31 + rest. The product as a double is off by less than 2^10; what is left of it is a multiple of 2^31.
  const rest = Math.imul(a, b) & INT32_MAX;
  const quotient = Math.round((a * b - rest) / TWO_31);
  return (quotient + (rest >= TWO_30 ? 1 : 0)) | 0;
}

/**
 * x / 2^exponent, rounded to the nearest, ties away from zero: gemmlowp's RoundingDivideByPOT.
 *
 * @param x - int32
 * @param exponent - 0 to 31
 */
export function roundingDivideByPowerOfTwo(x: number, exponent: number): number {
  const mask = ((1 << exponent) - 1) | 0;
  const threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/**
 * x·M in integers: a left shift where M is above 1, the high multiplication, a rounding right shift.
 *
 * @param x - int32
 * @returns int32; wraps as int32 does where the left shift runs over, which the bound of an accumulator rules out
 */
export function multiplyFixedPoint(x: number, { multiplier, shift }: FixedPoint): number {
  const left = shift > 0 ? shift : 0;
  const shifted = left > 0 ? (x * 2 ** left) | 0 : x;
  return roundingDivideByPowerOfTwo(roundingDoublingHighMul(shifted, multiplier), shift > 0 ? 0 : -shift);
}

/** M / count as TFLite's Mean makes it of its multiplier: M0 is shifted up first by the whole bits of the count. */
function dividedForm({ multiplier, shift }: FixedPoint, count: number): FixedPoint {
  const bits = Math.min(Math.floor(Math.log2(count)), 31 + shift);
  return { multiplier: Math.floor((multiplier * 2 ** bits) / count), shift: shift - bits };
}

/** M0 and a shift, rounded as gemmlowp does: the arithmetic of Jacob et al. 2018, of TFLite and CMSIS-NN. */
export const highMultiplication: Arithmetic = {
  isShiftOnly: false,
  formOf: (real) => (real < MOST_REAL ? fixedPoint(real) : undefined),
  multiply: multiplyFixedPoint,
  divide: dividedForm,
};

/** Every multiplier is a power of two (TQT, Jain et al. 2019, §3.1). */
export const shiftsAlone: Arithmetic = {
  isShiftOnly: true,
  formOf: shiftForm,
  multiply: (x, { shift }) => shiftRounding(x, shift),
  divide: ({ multiplier, shift }, count) => ({ multiplier, shift: shift - Math.log2(count) }),
};
