import type { FixedPoint } from '../numerics/fixed-point.js';
import { clamp } from '../numerics/round.js';
import { type ArithmeticSource, formOf, scaleOf } from './kernel.js';
import type { IntegerValue } from './program.js';

/** M0 and shift of s_x / s_y. */
export const rescalingOf = (
  source: ArithmeticSource,
  input: IntegerValue,
  output: IntegerValue,
): FixedPoint => formOf(source, scaleOf(input) / scaleOf(output));

/** Whether codes of one value are those of another. */
export const isSameGrid = (a: IntegerValue, b: IntegerValue): boolean =>
  a.scale === b.scale && a.zeroPoint === b.zeroPoint;

/** For each int8 code of a value, from −128 on, the code of another with the same real number (TFLite's Requantize). */
export function requantizeTable(
  source: ArithmeticSource,
  input: IntegerValue,
  output: IntegerValue,
  { low, high }: { low: number; high: number },
): Int8Array {
  const form = rescalingOf(source, input, output);
  return Int8Array.from({ length: 256 }, (_, i) =>
    clamp(source.arithmetic.multiply(i - 128 - input.zeroPoint, form) + output.zeroPoint, low, high),
  );
}

/** Each code replaced by what a table of 256 says. */
export function lookUp(data: Int8Array | Int32Array, table: Int8Array): Int8Array {
  const result = new Int8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = table[(data[i] as number) + 128] as number;
  return result;
}
