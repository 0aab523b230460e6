import { SMALLEST_NORMAL } from '../numerics/affine.js';
import { clamp, roundHalfEven } from '../numerics/round.js';
import type { QuantizedBias } from './plan.js';

const INT32_MAX = 2 ** 31 - 1;

/** Largest activation code, unsigned 8 bits. */
const LARGEST_CODE = 255;

/** What one output channel sums up: `terms` products of a uint8 and an int8 within ±`limit`. */
export interface Accumulator {
  readonly terms: number;
  readonly limit: number;
}

/**
 * Largest bias magnitude, in steps of s_x·s_w, that leaves room for the products in the int32 accumulator.
 * Half of the type where the products alone could fill it: nothing is certain then.
 */
export function biasLimit({ terms, limit }: Accumulator): number {
  return Math.max(INT32_MAX - terms * LARGEST_CODE * limit, 2 ** 30);
}

/**
 * The smallest weight scale of each channel at which its bias fits: |b| / (s_x·s_w) within the limit. The bias scale is
 * bound to s_x·s_w, so only s_w can give way; and s_x·s_w must stay a normal float32.
 *
 * @param bias - one value a channel; undefined where there is none
 * @param inputScale - s_x
 * @param scales - how many scales the weight has: one, or one a channel
 */
export function scaleFloor(
  bias: Float32Array | undefined,
  inputScale: number,
  scales: number,
  accumulator: Accumulator,
): Float32Array {
  const least = SMALLEST_NORMAL / Math.min(inputScale, 1);
  const floor = new Float32Array(scales).fill(least);
  const limit = biasLimit(accumulator);
  bias?.forEach((b, channel) => {
    const c = scales === 1 ? 0 : channel;
    // Float32 rounding of the scale must not push the bias over the limit again: 2^-22 is four of its steps.
    const needed = (Math.abs(b) / (inputScale * limit)) * (1 + 2 ** -22);
    floor[c] = Math.max(floor[c] as number, needed);
  });
  return floor;
}

/** The bias in steps of s_x·s_w (Jacob et al. 2018, eq. 11). */
export function quantizeBias(
  bias: Float32Array,
  inputScale: number,
  weightScales: Float32Array,
  accumulator: Accumulator,
): QuantizedBias {
  const scales = weightScales.map((scale) => Math.fround(inputScale * scale));
  const limit = biasLimit(accumulator);
  const values = Int32Array.from(bias, (b, channel) => {
    const scale = scales[scales.length === 1 ? 0 : channel] as number;
    return clamp(roundHalfEven(b / scale), -limit, limit);
  });
  return { values, scales };
}
