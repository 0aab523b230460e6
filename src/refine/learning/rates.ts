import type { QuantizedTensor } from '../../quantize/quantized-tensor.js';
import type { LearningSettings } from './settings.js';

/**
 * How far what is learned can go in all steps, along a half cosine: float weights in their steps, scales and levels relative
 * to one, biases relative to their size. The rate of a step follows from it, so that more steps are finer ones.
 */
export const TRAVEL = { latent: 0.75, steps: 0.15, biases: 0.03 } as const;

/** The mean of a half cosine from 1 to 0. */
const MEAN_RATE = 0.5;

/** The learning rate of what goes so far in all steps. */
export const rateOf = (travel: number, { rate, steps }: Pick<LearningSettings, 'rate' | 'steps'>): number =>
  (rate * travel) / (MEAN_RATE * steps);

/** Distance of neighbouring codes of a channel: its scale, or the mean distance of its levels. */
export function stepAt(tensor: QuantizedTensor, channel: number): number {
  const scale = tensor.scales[tensor.scales.length === 1 ? 0 : channel] ?? 1;
  if (tensor.kind === 'affine') return scale;
  const count = 2 ** tensor.bits;
  const book =
    tensor.channelsPerCodebook === undefined ? 0 : Math.floor(channel / tensor.channelsPerCodebook);
  const levels = tensor.levels.subarray(book * count, (book + 1) * count);
  return (scale * Math.max(1, Math.max(...levels) - Math.min(...levels))) / (count - 1);
}

/** What a bias of a layer is measured in: its root mean square, or 1 where it is 0. */
export function deviationOf(bias: Float32Array | undefined): number {
  if (!bias) return 1;
  const squares = bias.reduce((sum, b) => sum + b ** 2, 0);
  return Math.sqrt(squares / Math.max(1, bias.length)) || 1;
}
