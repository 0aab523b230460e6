/** A real multiplier M > 0 as M = 2^shift · M0/2^31, M0 an int32 of at least 2^30 (Jacob et al. 2018, eq. 5–6). */
export interface FixedPoint {
  /** M0 as int32: round(2^31·M0), from 2^30 to 2^31 − 1; 0 where M is too small to have any effect. */
  readonly multiplier: number;
  /** −n of the paper; positive where M is 1 or more. */
  readonly shift: number;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const TWO_31 = 2 ** 31;

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

/** The real number that a fixed-point multiplier is. */
export const realOf = ({ multiplier, shift }: FixedPoint): number => (multiplier / TWO_31) * 2 ** shift;

/**
 * The high half of 2·a·b, rounded to the nearest, ties away from zero, and saturated: gemmlowp's
 * SaturatingRoundingDoublingHighMul, one instruction on ARM (SQRDMULH).
 *
 * @param a - int32
 * @param b - int32
 */
export function roundingDoublingHighMul(a: number, b: number): number {
  if (a === INT32_MIN && b === INT32_MIN) return INT32_MAX;
  // a·b does not fit a double: a = high·2^16 + low, and both products do.
  const high = (a >> 16) * b;
  const low = (a & 0xffff) * b;
  const quotient = Math.floor(high / 32768);
  const rest = (high - quotient * 32768) * 65536 + low;
  const isNegative = a < 0 !== b < 0 && a !== 0 && b !== 0;
  const nudge = isNegative ? 1 - 2 ** 30 : 2 ** 30;
  const sum = rest + nudge;
  const floor = quotient + Math.floor(sum / TWO_31);
  // C's division truncates.
  const isExact = sum % TWO_31 === 0;
  return floor < 0 && !isExact ? floor + 1 : floor;
}

/**
 * x / 2^exponent, rounded to the nearest, ties away from zero: gemmlowp's RoundingDivideByPOT.
 *
 * @param x - int32
 * @param exponent - 0 to 31
 */
export function roundingDivideByPowerOfTwo(x: number, exponent: number): number {
  if (exponent === 0) return x;
  const mask = 2 ** exponent - 1;
  const remainder = exponent === 31 ? x & 0x7fffffff : x & mask;
  const threshold = Math.floor(mask / 2) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
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
