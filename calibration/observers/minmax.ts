import { quantizerOfEnds } from '../../src/numerics/affine.js';
import { defaultObserverSettings, type Observer } from './observer.js';

/** The whole range seen: nothing is clipped (Jacob et al. 2018, §3.1, without the moving average). */
export const minmax: Observer = {
  name: 'minmax',
  summary: 'the whole range that the samples reach',
  quantizer: ({ min, max }, bits, { symmetric } = defaultObserverSettings) =>
    quantizerOfEnds(min, max, bits, symmetric),
};
