import { roundHalfEven } from './round.js';

/**
 * A real multiplier M > 0 as M = 2^shift · M0/2^31, M0 an int32 of at least 2^30 (Jacob et al. 2018, eq. 5–6); or a power of two
 * as a shift alone, M = 2^shift, whose multiplier is 1 (TQT, Jain et al. 2019, §3.1).
 */
export interface FixedPoint {
  /** M0 as int32: round(2^31·M0), from 2^30 to 2^31 − 1; 0 where M is too small to have any effect. */
  readonly multiplier: number;
  /** −n of the paper; positive where M is 1 or more. */
  readonly shift: number;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const TWO_31 = 2 ** 31;
const TWO_30 = 2 ** 30;

/** From here on a real multiplier has no such form. */
export const MOST_REAL = 2 ** 30;

/** A multiplier of less than 2^−32 leaves nothing of an int32. */
const LEAST_SHIFT = -31;

/**
 * The fixed-point form of a real multiplier.
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

/** The multiplier that says that there is none: M is a power of two. */
const SHIFT_ALONE = 1;

/** A power of two as a shift alone; undefined for what is none. */
export function shiftForm(real: number): FixedPoint | undefined {
  const shift = Math.round(Math.log2(real));
  return real > 0 && real === 2 ** shift ? { multiplier: SHIFT_ALONE, shift } : undefined;
}

/** The real number that a fixed-point multiplier is. */
export const realOf = ({ multiplier, shift }: FixedPoint): number =>
  (multiplier === SHIFT_ALONE ? 1 : multiplier / TWO_31) * 2 ** shift;

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
 * x·M in integers: a left shift where M is above 1, the high multiplication, a rounding right shift; or a shift alone.
 *
 * @param x - int32
 * @returns int32; wraps as int32 does where the left shift runs over, which the bound of an accumulator rules out
 */
export function multiplyFixedPoint(x: number, { multiplier, shift }: FixedPoint): number {
  if (multiplier === SHIFT_ALONE) return shiftRounding(x, shift);
  const left = shift > 0 ? shift : 0;
  const shifted = left > 0 ? (x * 2 ** left) | 0 : x;
  return roundingDivideByPowerOfTwo(roundingDoublingHighMul(shifted, multiplier), shift > 0 ? 0 : -shift);
}
