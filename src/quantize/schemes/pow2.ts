import { largestMagnitude } from './channels.js';
import { anyWidth, type Scheme } from './scheme.js';
import { type CodeRange, quantizeUniform, squaredError } from './uniform.js';

/**
 * Uniform, the scale a power of two, so that an integer machine rescales by a shift: the exponent of least squared
 * error for each channel or the tensor. Codes as those of `mse`.
 */
export const pow2: Scheme = {
  name: 'pow2',
  summary: 'symmetric, the power of two of least squared error as scale',
  widths: anyWidth,
  powersOfTwo: true,
  quantize: (request) => quantizeUniform(request, powerOfTwoScale),
};

function powerOfTwoScale(weights: Float32Array, range: CodeRange, least: number): number {
  const largest = largestMagnitude(weights);
  const smallest = 2 ** Math.ceil(Math.log2(least));
  // From here on up, the levels above half of the range are idle: the scale's half is as good.
  let scale = 2 ** Math.min(Math.ceil(Math.log2(largest / range.high)) + 1, 127);
  if (!(scale > smallest)) return smallest;
  let best = scale;
  let bestError = squaredError(weights, scale, range);
  // Below, what is clipped alone costs more: its error only grows.
  while (scale > smallest) {
    scale /= 2;
    const error = squaredError(weights, scale, range);
    if (error < bestError) [best, bestError] = [scale, error];
    if ((largest + scale * range.low) ** 2 > bestError && largest > -scale * range.low) break;
  }
  return best;
}
