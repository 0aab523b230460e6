import { minmax } from './minmax.js';
import type { Scheme } from './scheme.js';

/** The weight schemes, the default first. */
export const schemes: readonly Scheme[] = [minmax];
