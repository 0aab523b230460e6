import { quantizerOfRange } from '../../src/numerics/affine.js';
import type { Observer } from './observer.js';

/** The whole range seen: nothing is clipped (Jacob et al. 2018, §3.1, without the moving average). */
export const minmax: Observer = {
  name: 'minmax',
  summary: 'the whole range that the samples reach',
  quantizer: (statistics, bits) => quantizerOfRange(statistics.min, statistics.max, bits),
};
