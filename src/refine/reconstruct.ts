import { blocksOf } from './learning/blocks.js';
import { learner } from './learning/learner.js';

/**
 * Learns each block of the network on what the quantized network before it gives, to give what the float block gives
 * (BRECQ, Li et al. 2021); some elements come from float meanwhile, by chance (QDrop, Wei et al. 2022). Weights, steps and
 * biases go together, since each makes good what another lost.
 *
 * No block depends on another where each reads what the quantized network gives before any is learned (`inputs=start`), or
 * what float gives (`inputs=float`: symmetric reconstruction, where the others are asymmetric; AdaRound, Nagel et al. 2020).
 */
export const reconstruct = learner({
  name: 'reconstruct',
  summary: 'weights and steps learned block by block (BRECQ, QDrop; LSQ, AdaRound and others)',
  cut: blocksOf,
  usual: { steps: 200, drop: 0.5, copies: 0, inputs: 'quantized' },
});
