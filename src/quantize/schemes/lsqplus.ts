import { anyWidth, type Scheme } from './scheme.js';
import { quantizeUniform } from './uniform.js';

/**
 * The initial step of LSQ+ for weights (Bhalgat et al. 2020, §3.2): s = max(|μ − 3σ|, |μ + 3σ|) / 2^(bits−1), with μ and
 * σ of the weights of the channel or the tensor.
 *
 * Codes are −2^(bits−1) … 2^(bits−1) − 1 as in the paper, at 8 bits without −128. With a reduced range, which 8 bits
 * cannot fill, the step is that of 7.
 */
export const lsqplus: Scheme = {
  name: 'lsqplus',
  summary: 'symmetric, the initial step of LSQ+ (three standard deviations)',
  widths: anyWidth,
  quantize: (request) =>
    quantizeUniform(request, (weights, { high }) => {
      const { mean, deviation } = momentsOf(weights);
      const reach = Math.max(Math.abs(mean - 3 * deviation), Math.abs(mean + 3 * deviation));
      return reach / (high + 1);
    }),
};

/** Mean and (population) standard deviation, in two passes. */
function momentsOf(weights: Float32Array): { mean: number; deviation: number } {
  const count = Math.max(weights.length, 1);
  let sum = 0;
  for (const w of weights) sum += w;
  const mean = sum / count;
  let squares = 0;
  for (const w of weights) squares += (w - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / count) };
}
