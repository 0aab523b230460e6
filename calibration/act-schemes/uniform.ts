import type { ActScheme } from './act-scheme.js';

/** Levels one step apart, in the range that the observer chooses. */
export const uniform: ActScheme = {
  name: 'uniform',
  summary: 'levels one step apart, the range by --observer',
  quantizer: () => undefined,
};
