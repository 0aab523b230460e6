const scratch = new DataView(new ArrayBuffer(4));

/** The largest finite float16. */
export const MOST_HALF = 65504;

/**
 * IEEE 754 binary16 to a number, exactly.
 *
 * @param bits - the 16 bits of one float16
 */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** A number to the nearest IEEE 754 binary16, ties to even; what is too large becomes infinite. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // 65520 is halfway between the largest float16 (65504) and the next step: it rounds to infinity.
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -25) return sign;
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const steps = magnitude / 2 ** (exponent - 10);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the mantissa moves into the exponent by itself, since the fields are adjacent.
  return exponent === -14 && rounded < 1024
    ? sign | rounded
    : sign | (((exponent + 15) << 10) + (rounded - 1024));
}

/**
 * bfloat16 to a number, exactly: it is the upper half of a float32.
 *
 * @param bits - the 16 bits of one bfloat16
 */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** A number to the nearest bfloat16, ties to even. */
export function numberToBfloat16(value: number): number {
  scratch.setFloat32(0, value);
  let bits = scratch.getUint32(0);
  if (Number.isNaN(value)) return 0x7fc0;
  // Where float32 rounded to a tie of bfloat16, the side that the value came from decides, not the parity.
  if ((bits & 0xffff) === 0x8000) {
    const moved = Math.abs(value) - Math.abs(scratch.getFloat32(0));
    bits += Math.sign(moved);
  }
  // Adding just under half a step, and the last kept bit, rounds ties to even; a carry moves into the exponent.
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
