import type { Steps } from '../../derive/steps.js';

/** A uniform quantizer's values in a graph. */
export interface Uniform {
  /** x/s, before rounding. */
  readonly ratio: string;
  /** Integers as floats, in [low, high]. */
  readonly codes: string;
  readonly output: string;
}

/**
 * What QuantizeLinear and DequantizeLinear compute, in floats: codes = clip(round(x/s) + z), s·(codes − z). Rounding
 * comes before the zero point, as there: a tie goes to an even multiple of s.
 *
 * @param zeroPoint - left out where it is 0
 */
export function uniform(
  steps: Steps,
  value: string,
  scale: string,
  zeroPoint: string | undefined,
  { low, high }: { readonly low: number; readonly high: number },
): Uniform {
  const ratio = steps.div(value, scale);
  const rounded = steps.op('Round', [ratio]);
  const shifted = zeroPoint === undefined ? rounded : steps.add(rounded, zeroPoint);
  const codes = steps.op('Clip', [shifted, steps.scalar(low), steps.scalar(high)]);
  const centred = zeroPoint === undefined ? codes : steps.sub(codes, zeroPoint);
  return { ratio, codes, output: steps.mul(centred, scale) };
}

/** 1 where a ratio is within the codes, ends included: what a gradient passes straight through; 0 elsewhere. */
export function within(
  steps: Steps,
  ratio: string,
  { low, high }: { readonly low: number; readonly high: number },
): string {
  const inside = steps.op('And', [
    steps.op('GreaterOrEqual', [ratio, steps.scalar(low)]),
    steps.op('LessOrEqual', [ratio, steps.scalar(high)]),
  ]);
  return steps.mask(inside);
}
