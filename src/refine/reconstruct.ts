import { blocksOf } from './learning/blocks.js';
import { learnBlocks } from './learning/learn-blocks.js';
import { learningSettings, readLearning } from './learning/settings.js';
import type { Refiner } from './refiner.js';

/**
 * Learns each block of the network on what the quantized network before it gives, to give what the float block gives
 * (BRECQ, Li et al. 2021); some elements come from float meanwhile, by chance (QDrop, Wei et al. 2022). Weights, steps and
 * biases go together, since each makes good what another lost.
 */
export const reconstruct: Refiner = {
  name: 'reconstruct',
  summary: 'weights and steps learned block by block (BRECQ, QDrop; LSQ, AdaRound and others)',
  changes: ['weights', 'biases', 'activations'],
  settings: learningSettings(200, 0.5),
  refine: (plan, context) =>
    learnBlocks(
      plan,
      context,
      (layers) => blocksOf(context.model.graph, layers),
      readLearning(context.settings),
    ),
};
