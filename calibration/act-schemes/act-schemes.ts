import type { ActScheme } from './act-scheme.js';
import { log } from './log.js';
import { uniform } from './uniform.js';
import { wentropy } from './wentropy.js';

/** The ways to choose an activation's levels, the default first. */
export const actSchemes: readonly ActScheme[] = [uniform, log, wentropy];
