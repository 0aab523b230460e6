/** Added to a number below 2⁵¹ in magnitude it leaves float64 no place behind the point: the sum is rounded half to even. */
const SHIFT = 1.5 * 2 ** 52;
const SHIFTED = 2 ** 51;

/**
 * Round half to even, as QuantizeLinear does (ONNX operator specification, QuantizeLinear).
 *
 * @param x - any number; ±Infinity and NaN are returned as they are
 */
export function roundHalfEven(x: number): number {
  if (x > -SHIFTED && x < SHIFTED) return x + SHIFT - SHIFT;
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction < 0.5) return floor;
  if (fraction > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** `x` brought into [low, high]. */
export function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
