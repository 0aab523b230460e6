import { clamp, roundHalfEven } from './round.js';

/**
 * A uniform quantizer: real = scale · (code − zeroPoint), codes in [low, high].
 * Jacob et al. 2018, eq. 1: r = S(q − Z).
 */
export interface AffineQuantizer {
  /** Step, a float32 value, > 0. */
  readonly scale: number;
  /** Integer in [low, high], so that real 0 is exact. */
  readonly zeroPoint: number;
  readonly low: number;
  readonly high: number;
}

/** Smallest normal float32: below it the runtime's arithmetic may flush to zero. */
export const SMALLEST_NORMAL = 2 ** -126;

/** Largest finite float32. */
export const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/**
 * The code of a value, as QuantizeLinear computes it: saturate(round(x / scale) + zeroPoint), the division in float32.
 */
export function quantizeValue(x: number, q: AffineQuantizer): number {
  return clamp(roundHalfEven(Math.fround(x / q.scale)) + q.zeroPoint, q.low, q.high);
}

/** The value of a code, as DequantizeLinear computes it, in float32. */
export function dequantizeValue(code: number, q: AffineQuantizer): number {
  return Math.fround((code - q.zeroPoint) * q.scale);
}

/** The code range of unsigned `bits`-wide activations: [0, 2^bits − 1]. */
export function unsignedRange(bits: number): { low: number; high: number } {
  return { low: 0, high: 2 ** bits - 1 };
}

/**
 * The quantizer of an unsigned affine activation range.
 * The range is widened to hold 0 (zero padding must be exact), the scale rounded to float32 first, then the zero point
 * nudged to an integer (Jacob et al. 2018, §3: "nudged so that 0 is exact").
 *
 * @param min - lower end of the range, finite
 * @param max - upper end of the range, finite
 * @param bits - width of the codes, 2 to 8, or 16
 */
export function quantizerOfRange(min: number, max: number, bits: number): AffineQuantizer {
  const { low, high } = unsignedRange(bits);
  const bottom = Math.min(min, 0);
  const top = Math.max(max, 0);
  const scale = Math.fround((top - bottom) / high);
  // An all-zero tensor: any step represents it exactly; 1 keeps products of scales far from the denormals.
  if (!(scale >= SMALLEST_NORMAL)) return { scale: 1, zeroPoint: low, low, high };
  return { scale, zeroPoint: clamp(roundHalfEven(-bottom / scale), low, high), low, high };
}

/**
 * The quantizer of a range symmetric around 0: signed codes, shifted by the middle code to be unsigned; without negative
 * values unsigned ones from 0 on. ±`magnitude` are levels both.
 *
 * @param magnitude - largest magnitude of the range, finite
 * @param isSigned - whether there are negative values
 * @param bits - width of the codes, 2 to 8
 */
export function symmetricQuantizer(magnitude: number, isSigned: boolean, bits: number): AffineQuantizer {
  const { low, high } = unsignedRange(bits);
  const zeroPoint = isSigned ? 2 ** (bits - 1) : low;
  const scale = Math.fround(magnitude / (high - zeroPoint));
  return { scale: scale >= SMALLEST_NORMAL ? scale : 1, zeroPoint, low, high };
}

/** The symmetric quantizer, of the middle code as its zero point, that reaches as far as another does on either side. */
export function signedQuantizer({ scale, zeroPoint, low, high }: AffineQuantizer): AffineQuantizer {
  const magnitude = scale * Math.max(high - zeroPoint, zeroPoint - low);
  return symmetricQuantizer(magnitude, true, Math.round(Math.log2(high - low + 1)));
}

/** The quantizer of [min, max], or of the symmetric range around 0 that holds it. */
export function quantizerOfEnds(min: number, max: number, bits: number, symmetric: boolean): AffineQuantizer {
  return symmetric
    ? symmetricQuantizer(Math.max(Math.abs(min), Math.abs(max)), min < 0, bits)
    : quantizerOfRange(min, max, bits);
}

/** The power of two nearest to a value by its exponent, of those from `least` on. Both are > 0. */
export function nearestPowerOfTwo(value: number, least: number): number {
  return 2 ** Math.max(Math.round(Math.log2(value)), Math.ceil(Math.log2(least)));
}
