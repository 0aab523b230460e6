import type { Refiner } from '../refiner.js';
import { withCopies } from './alter.js';
import type { Cut } from './blocks.js';
import { type LearningWay, learnBlocks } from './learn-blocks.js';
import { type LearningDefaults, learningSettings, readLearning } from './settings.js';

/** A way to learn: how the network is cut, and how long and how each part is learned unless it is told otherwise. */
export interface Learner extends Pick<Refiner, 'name' | 'summary'> {
  readonly cut: Cut;
  readonly reach?: LearningWay['reach'];
  readonly usual: LearningDefaults;
}

/** The refiner that learns so. */
export const learner = ({ name, summary, cut, reach, usual }: Learner): Refiner => ({
  name,
  summary,
  changes: ['weights', 'biases', 'activations'],
  settings: learningSettings(usual),
  async refine(plan, context) {
    const settings = readLearning(context.settings);
    const { source } = await withCopies(
      { source: context.source, labels: [] },
      { copies: settings.copies, seed: context.seed, mixes: true },
    );
    return learnBlocks(plan, { ...context, source }, { cut, reach, settings });
  },
});
