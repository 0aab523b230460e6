import { adaround } from './adaround.js';
import { codebook } from './codebook.js';
import { dsqActivations, dsqWeights } from './dsq.js';
import { lsqActivations, lsqWeights } from './lsq.js';
import { lsqplusActivations, lsqplusWeights } from './lsqplus.js';
import { pact } from './pact.js';
import { qilActivations, qilWeights } from './qil.js';
import type { ActivationLearner, WeightQuantizer } from './simulated.js';
import { tqtActivations, tqtWeights } from './tqt.js';

/** Every way to learn the quantization of weights. */
export const weightQuantizers: readonly WeightQuantizer[] = [
  adaround,
  codebook,
  dsqWeights,
  lsqWeights,
  lsqplusWeights,
  qilWeights,
  tqtWeights,
];

/** Every way to learn the quantization of activations. */
export const activationLearners: readonly ActivationLearner[] = [
  dsqActivations,
  lsqActivations,
  ...lsqplusActivations,
  pact,
  qilActivations,
  tqtActivations,
];
