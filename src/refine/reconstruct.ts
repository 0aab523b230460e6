import { blocksOf } from './learning/blocks.js';
import { learner } from './learning/learner.js';

/**
 * Learns each block of the network on what the quantized network before it gives, to give what the float block gives
 * (BRECQ, Li et al. 2021); some elements come from float meanwhile, by chance (QDrop, Wei et al. 2022). Weights, steps and
 * biases go together, since each makes good what another lost. With `inputs=float` it reads what the float network gives
 * (symmetric reconstruction, where the usual one is asymmetric: AdaRound, Nagel et al. 2020), and no block depends on another.
 */
export const reconstruct = learner({
  name: 'reconstruct',
  summary: 'weights and steps learned block by block (BRECQ, QDrop; LSQ, AdaRound and others)',
  cut: blocksOf,
  usual: { steps: 200, drop: 0.5, copies: 0, inputs: 'quantized' },
});
