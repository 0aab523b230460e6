import { anyWidth, type Scheme } from './scheme.js';
import { quantizeUniform } from './uniform.js';

/**
 * The initial step of LSQ (Esser et al. 2020, §2.1): s = 2·E|w| / √Q_P, with Q_P = 2^(bits−1) − 1.
 *
 * Codes are −2^(bits−1) … Q_P as in the paper, at 8 bits without −128. Without learning it clips much: a baseline, and
 * where learning starts.
 */
export const lsq: Scheme = {
  name: 'lsq',
  summary: 'symmetric, the initial step of LSQ',
  widths: anyWidth,
  quantize: (request) =>
    quantizeUniform(request, (weights, { high }) => {
      let sum = 0;
      for (const w of weights) sum += Math.abs(w);
      return (2 * sum) / Math.max(weights.length, 1) / Math.sqrt(high);
    }),
};
