import { minmax } from './minmax.js';
import { mse } from './mse.js';
import type { Observer } from './observer.js';

/** The ways to choose an activation's range, the default first. */
export const observers: readonly Observer[] = [minmax, mse];
