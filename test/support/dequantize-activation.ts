import { type ActivationQuantizer, quantizeActivation } from '../../src/numerics/activation.js';
import { dequantizeValue } from '../../src/numerics/affine.js';

/** The float32 value that readers of a quantized activation see in place of `x`. */
export function dequantizeActivation(x: number, quantizer: ActivationQuantizer): number {
  return dequantizeValue(quantizeActivation(x, quantizer), quantizer.grid);
}
