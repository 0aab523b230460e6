import type { ActivationQuantizer } from '../../src/numerics/activation.js';
import { dequantizeValue, quantizeValue } from '../../src/numerics/affine.js';

/** The float32 value that readers of a quantized activation see in place of `x`. */
export function dequantizeActivation(x: number, { grid, ...quantizer }: ActivationQuantizer): number {
  const code = quantizeValue(x, grid);
  return dequantizeValue(quantizer.kind === 'lut' ? (quantizer.table[code] as number) : code, grid);
}
