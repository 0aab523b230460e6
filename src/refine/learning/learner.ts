import type { Refiner } from '../refiner.js';
import type { Cut } from './blocks.js';
import { learnBlocks } from './learn-blocks.js';
import { learningSettings, readLearning } from './settings.js';

/** A way to learn: how the network is cut, and how long and how each part is learned unless it is told otherwise. */
export interface Learner extends Pick<Refiner, 'name' | 'summary'> {
  readonly cut: Cut;
  readonly steps: number;
  readonly drop: number;
}

/** The refiner that learns so. */
export const learner = ({ name, summary, cut, steps, drop }: Learner): Refiner => ({
  name,
  summary,
  changes: ['weights', 'biases', 'activations'],
  settings: learningSettings(steps, drop),
  refine: (plan, context) => learnBlocks(plan, context, cut, readLearning(context.settings)),
});
