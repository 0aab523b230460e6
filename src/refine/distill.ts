import { wholeBlock } from './learning/blocks.js';
import { learner } from './learning/learner.js';
import { reachOf } from './learning/rates.js';

/**
 * Learns the whole network at once, to give the outputs that the float network gives: straight-through training as the
 * papers on learned steps have it, with the float network for a teacher in place of labels.
 */
export const distill = learner({
  name: 'distill',
  summary: 'weights and steps of the whole network learned from the float outputs, without labels',
  cut: wholeBlock,
  reach: reachOf,
  usual: { steps: 300, drop: 0, copies: 3, hints: 3 },
});
