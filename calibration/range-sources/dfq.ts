import { minmax } from '../observers/minmax.js';
import type { RangeSource } from './range-source.js';

/**
 * Data-free: β ± 6γ of the folded BatchNormalizations, carried through the operators after them (Nagel et al. 2019,
 * §5.2). The whole of such a range is taken.
 */
export const dfq: RangeSource = {
  name: 'dfq',
  summary: 'data-free, from BatchNormalization',
  from: 'batch-norm',
  observer: minmax,
};
