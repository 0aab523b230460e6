import { auto } from './auto.js';
import { kmeans } from './kmeans.js';
import { log, logSqrt2 } from './log.js';
import { lsq } from './lsq.js';
import { lsqplus } from './lsqplus.js';
import { minmax } from './minmax.js';
import { mse } from './mse.js';
import { pow2 } from './pow2.js';
import type { Scheme } from './scheme.js';
import {
  wentropy,
  wentropyAuthors,
  wentropyAuthorsZero,
  wentropyNearest,
  wentropySearch,
} from './wentropy.js';

/** The weight schemes, the default first. */
export const schemes: readonly Scheme[] = [
  auto,
  minmax,
  mse,
  pow2,
  lsq,
  lsqplus,
  log,
  logSqrt2,
  wentropy,
  wentropySearch,
  wentropyNearest,
  wentropyAuthors,
  wentropyAuthorsZero,
  kmeans,
];
