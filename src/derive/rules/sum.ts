import type { DerivativeRule } from '../derivative.js';
import { add } from './add.js';

/** Sum of any number of values: as Add. */
export const sum: DerivativeRule = { opType: 'Sum', derive: add.derive };
