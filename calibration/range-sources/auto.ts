import { mse } from '../observers/mse.js';
import type { RangeSource } from './range-source.js';

/**
 * For each value the observer that does least harm at the output of the layers that read it, on samples held out of the
 * statistics. Where none was chosen, the least squared error serves.
 */
export const auto: RangeSource = {
  name: 'auto',
  summary: 'for each tensor the one of least error at the layers that read it',
  from: 'held-out',
  observer: mse,
};
