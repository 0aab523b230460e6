/**
 * Round half to even, as QuantizeLinear does (ONNX operator specification, QuantizeLinear).
 *
 * @param x - any number; ±Infinity and NaN are returned as they are
 */
export function roundHalfEven(x: number): number {
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
