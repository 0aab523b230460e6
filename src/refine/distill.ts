import { wholeBlock } from './learning/blocks.js';
import { learnBlocks } from './learning/learn-blocks.js';
import { learningSettings, readLearning } from './learning/settings.js';
import type { Refiner } from './refiner.js';

/**
 * Learns the whole network at once, to give the outputs that the float network gives: straight-through training as the
 * papers on learned steps have it, with the float network for a teacher in place of labels.
 */
export const distill: Refiner = {
  name: 'distill',
  summary: 'weights and steps of the whole network learned from the float outputs, without labels',
  changes: ['weights', 'biases', 'activations'],
  settings: learningSettings(300, 0),
  refine: (plan, context) =>
    learnBlocks(
      plan,
      context,
      (layers) => wholeBlock(context.model.graph, layers),
      readLearning(context.settings),
    ),
};
