import { withCopies } from './learning/alter.js';
import { wholeBlock } from './learning/blocks.js';
import { classGoal } from './learning/class-goal.js';
import { learnBlocks } from './learning/learn-blocks.js';
import { refinementOf } from './learning/learned-blocks.js';
import { reachOf } from './learning/rates.js';
import { learningSettings, readLearning } from './learning/settings.js';
import type { Refiner } from './refiner.js';

/**
 * Learns the whole network on samples whose classes are known, by cross-entropy: the papers' own setting. A share of the
 * loss is what the float network says of the sample, inside and in the end, as in `distill`: it knows more than a class.
 */
export const finetune: Refiner = {
  name: 'finetune',
  summary: 'weights and steps of the whole network learned from labels (--train-data, --train-labels)',
  changes: ['weights', 'biases', 'activations'],
  needsLabels: true,
  settings: [
    ...learningSettings({ steps: 1000, drop: 0, copies: 1, hints: 3 }),
    {
      ...{ key: 'teacher', summary: 'share of what float says in what is learned, the rest are labels' },
      ...{ usual: 0.9, least: 0, most: 1 },
    },
  ],
  async refine(plan, context) {
    const { model, settings, training } = context;
    if (!training) throw new Error('finetune runs without labels');
    const learning = readLearning(settings);
    const copied = await withCopies(training, {
      ...{ copies: learning.copies, seed: context.seed, mixes: false },
    });
    const goal = await classGoal(model, copied, Number(settings.teacher));
    const way = { cut: wholeBlock, reach: reachOf, settings: learning, goal };
    const { blocks } = await learnBlocks(plan, { ...context, source: copied.source }, way);
    return refinementOf(blocks);
  },
};
