import { roundingDivideByPowerOfTwo, roundingDoublingHighMul } from './fixed-point.js';

const INT32_MAX = 2 ** 31 - 1;

/** Bits behind the point of a Q5.26: what differences of a softmax's inputs are held in. */
export const EXP_INPUT_BITS = 26;

/** A quarter in Q5.26. */
const QUARTER = 2 ** (EXP_INPUT_BITS - 2);

/** exp(−2^k) in Q0.31, k from −2 on: gemmlowp's constants. */
const POWERS = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242] as const;

/** exp(−1/8) and a third in Q0.31. */
const EXP_EIGHTH = 1895147668;
const THIRD = 715827883;

/** exp(a) for a in [−1/4, 0) in Q0.31: a Taylor series about −1/8. */
function expNearZero(a: number): number {
  const x = a + 2 ** 28;
  const x2 = roundingDoublingHighMul(x, x);
  const x3 = roundingDoublingHighMul(x2, x);
  const x4 = roundingDoublingHighMul(x2, x2);
  const fourth = roundingDivideByPowerOfTwo(x4, 2);
  const higher = roundingDivideByPowerOfTwo(roundingDoublingHighMul(fourth + x3, THIRD) + x2, 1);
  return EXP_EIGHTH + roundingDoublingHighMul(EXP_EIGHTH, x + higher);
}

/**
 * exp(a) in integers: gemmlowp's exp_on_negative_values, what TFLite's reference Softmax is made of.
 *
 * @param a - Q5.26, ≤ 0
 * @returns Q0.31
 */
export function fixedExp(a: number): number {
  if (a === 0) return INT32_MAX;
  // a = −remainder + what is left of it in [−1/4, 0).
  const rest = (a & (QUARTER - 1)) - QUARTER;
  const remainder = rest - a;
  let result = expNearZero(rest * 2 ** 5);
  POWERS.forEach((factor, i) => {
    if (remainder & (QUARTER << i)) result = roundingDoublingHighMul(result, factor);
  });
  return result;
}

/** 48/17 and −32/17 in Q2.29. */
const FIRST_GUESS = 1515870810;
const SLOPE = -1010580540;
const ONE_Q2 = 2 ** 29;
const STEPS = 3;

/** x·2^n, saturated to int32. */
const shiftedUp = (x: number, n: number): number => Math.max(-INT32_MAX - 1, Math.min(INT32_MAX, x * 2 ** n));

/** 1 / (1 + a) for a in [0, 1) in Q0.31, by Newton and Raphson: gemmlowp's one_over_one_plus_x_for_x_in_0_1. */
function overOnePlus(a: number): number {
  const sum = a + INT32_MAX;
  const half = Math.trunc((sum + 1) / 2);
  let x = FIRST_GUESS + roundingDoublingHighMul(half, SLOPE);
  for (let step = 0; step < STEPS; step++) {
    const off = ONE_Q2 - roundingDoublingHighMul(half, x);
    x += shiftedUp(roundingDoublingHighMul(x, off), 2);
  }
  return shiftedUp(x, 1);
}

/**
 * 1 / x as a share of 1 and a shift: 1/x = result·2^−shift (TFLite's GetReciprocal).
 *
 * @param x - > 0, with `integerBits` bits before its point
 */
export function fixedReciprocal(x: number, integerBits: number): { scale: number; shift: number } {
  const headroom = Math.clz32(x);
  const scale = overOnePlus(x * 2 ** headroom - 2 ** 31);
  return { scale, shift: integerBits - headroom };
}
