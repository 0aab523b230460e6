import type { Shard } from '../../../calibration/source.js';
import type { Plan } from '../../quantize/plan.js';
import type { RefineSettings } from '../../recipe.js';
import type { RefineContext, Refiner } from '../refiner.js';
import { withCopies } from './alter.js';
import type { Cut } from './blocks.js';
import { type LearningWay, learnBlocks } from './learn-blocks.js';
import { type LearnedBlocks, refinementOf } from './learned-blocks.js';
import { areApart, type LearningDefaults, learningSettings, readLearning } from './settings.js';

/** A way to learn: how the network is cut, and how long and how each part is learned unless it is told otherwise. */
export interface Learner extends Pick<Refiner, 'name' | 'summary'> {
  readonly cut: Cut;
  readonly reach?: LearningWay['reach'];
  readonly usual: LearningDefaults;
}

/** The refiner that learns so. */
export function learner({ name, summary, cut, reach, usual }: Learner): Refiner {
  const isApart = (settings: RefineSettings) => areApart(readLearning(settings));
  const learn = async (plan: Plan, context: RefineContext, shard?: Shard): Promise<LearnedBlocks> => {
    const settings = readLearning(context.settings);
    const { source } = await withCopies(
      { source: context.source, labels: [] },
      { copies: settings.copies, seed: context.seed, mixes: true },
    );
    return learnBlocks(plan, { ...context, source }, { cut, reach, settings }, shard);
  };
  return {
    name,
    summary,
    changes: ['weights', 'biases', 'activations'],
    settings: learningSettings(usual),
    ...(usual.inputs && { apart: { isAsked: isApart, learn } }),
    async refine(plan, context) {
      const { learned, source, seed, settings } = context;
      const isLearned = learned && isApart(settings);
      const { blocks } = isLearned
        ? await learned({ plan, step: { name, settings }, source, seed })
        : await learn(plan, context);
      return refinementOf(blocks);
    },
  };
}
