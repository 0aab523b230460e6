import { ema } from './ema.js';
import { entropy } from './entropy.js';
import { entropyNcnn } from './entropy-ncnn.js';
import { gumbel } from './gumbel.js';
import { lsqplus } from './lsqplus.js';
import { minmax } from './minmax.js';
import { mse } from './mse.js';
import type { Observer } from './observer.js';
import { percentile } from './percentile.js';
import { pow2 } from './pow2.js';

/** The ways to choose an activation's range from its statistics. */
export const observers: readonly Observer[] = [
  minmax,
  gumbel,
  ema,
  percentile,
  entropy,
  entropyNcnn,
  mse,
  lsqplus,
  pow2,
];
