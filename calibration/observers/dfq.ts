import { minmax } from './minmax.js';
import type { Observer } from './observer.js';

/**
 * Data-free: β ± 6γ of the folded BatchNormalizations, carried through the operators after them (Nagel et al. 2019,
 * §5.2). The statistics that it is given hold those ranges.
 */
export const dfq: Observer = {
  name: 'dfq',
  summary: 'data-free, from BatchNormalization',
  from: 'batch-norm',
  quantizer: minmax.quantizer,
};
