import { bookOf, type QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { LearningSettings } from './settings.js';

/**
 * How far what is learned can go in all steps, along a half cosine: float weights in their steps, scales and levels relative
 * to one, biases relative to their size. The rate of a step follows from it, so that up to 300 steps more are finer ones.
 */
export const TRAVEL = { latent: 0.75, steps: 0.15, biases: 0.03 } as const;

/** The mean of a half cosine from 1 to 0. */
const MEAN_RATE = 0.5;

/**
 * Of more steps than this each goes as far as of so many: gradients of a batch point here and there, so that finer steps
 * would end where they began (ResNet-20, W2A2: 3,000 steps of 1/3,000 gain less than 300 of 1/75).
 */
const FINEST = 300;

/** Farther than by this factor learning diverges, or nearly. */
const FARTHEST = 4;

const REACH = 10;

/**
 * How much farther a whole network goes than a block of it, from the error of its outputs before: in proportion to how far
 * they are off. Measured on ResNet-20, on images that are not learned from: from errors of 0.20, 0.06, 0.05 and 0.02 (2
 * bits, 3, weights of 2 with activations of 4, 4 bits) the best of 1, 2 and 4 is 4, 2, 2 and 1 to 2.
 *
 * @param error - squared difference from float over the squared signal
 */
export const reachOf = (error: number): number => Math.min(FARTHEST, REACH * Math.sqrt(error));

/** The learning rate of what goes so far in all steps. */
export const rateOf = (travel: number, { rate, steps }: Pick<LearningSettings, 'rate' | 'steps'>): number =>
  (rate * travel) / (MEAN_RATE * Math.min(steps, FINEST));

/** For each scale of a weight, the distance of neighbouring codes: the scale, or the mean distance of its levels. */
export function stepsOf(tensor: QuantizedTensor): Float64Array {
  return Float64Array.from(tensor.scales, (scale, channel) => {
    if (tensor.kind === 'affine') return scale;
    const levels = bookOf(tensor, channel);
    return (scale * Math.max(1, Math.max(...levels) - Math.min(...levels))) / (levels.length - 1);
  });
}

/** What a bias of a layer is measured in: its root mean square, or 1 where it is 0. */
export function deviationOf(bias: Float32Array | undefined): number {
  if (!bias) return 1;
  const squares = bias.reduce((sum, b) => sum + b ** 2, 0);
  return Math.sqrt(squares / Math.max(1, bias.length)) || 1;
}
