import type { SampleSource, Shard } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import type { Plan } from '../quantize/plan.js';
import { NONE, named, type RefineStep } from '../recipe.js';
import { refinableLayers } from './layers.js';
import type { LearnedBlocks } from './learning/learned-blocks.js';
import { measureLayers } from './open-walk.js';
import { holdBack } from './refine-plan.js';
import type { Stage } from './refine-steps.js';
import type { LearningStart, RefineContext, Refiner } from './refiner.js';

/** Refiners in their order, cut where blocks are learned that do not depend on each other. */
export interface ApartSteps {
  /** What runs before, as a recipe says it. */
  readonly before: string;
  readonly step: RefineStep;
}

/**
 * The one step whose blocks can be learned in shards.
 *
 * @param flag - what asks for it, and what is said of it where no refiner learns blocks
 * @throws QuantizeError `bad-option` where there is none, or several
 */
export function apartSteps(
  stages: readonly Stage[],
  refiners: readonly Refiner[],
  { flag, unused }: { flag: string; unused: { problem: string; mend: string } },
): ApartSteps {
  const steps = stages.flat();
  const isApart = ({ name, settings }: RefineStep) => named(refiners, name).apart?.isAsked(settings) === true;
  const refuse = (problem: string, mend: string) => new QuantizeError('bad-option', { flag, problem, mend });
  const mayBe = steps.find(({ name }) => named(refiners, name).apart);
  if (!mayBe) throw refuse(unused.problem, unused.mend);
  const [step, ...others] = steps.filter(isApart);
  if (!step) {
    const problem = `cannot part the blocks of ${mayBe.name}, each of which reads what those before it give`;
    throw refuse(problem, `Let them read what they start with: ${mayBe.name}:inputs=start, or inputs=float.`);
  }
  if (others.length > 0)
    throw refuse('is of one refiner, and --refine has several that learn blocks apart', 'Leave one of them.');
  const before = steps.slice(0, steps.indexOf(step)).map(textOf);
  return { before: before.join(',') || NONE, step };
}

/** A step as a recipe says it, every setting named. */
const textOf = ({ name, settings }: RefineStep): string =>
  [name, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)].join(':');

/**
 * Learn the blocks of a shard, on the samples that `refinePlan` would have them learned on.
 *
 * @param plan - refined by all that runs before
 * @param step - of `apartSteps`
 */
export async function learnShard(
  plan: Plan,
  step: RefineStep,
  refiner: Refiner,
  context: Omit<RefineContext, 'settings'>,
  shard: Shard,
): Promise<{ start: LearningStart; learned: LearnedBlocks }> {
  const { model, seed } = context;
  const { source }: { source: SampleSource } = (await holdBack({ source: context.source, labels: [] })).kept;
  const shapes = await measureLayers({ model, source }, refinableLayers(model.graph, plan));
  const progress: RefineContext['progress'] = (done, total, unit, more) =>
    context.progress(done, total, unit, { part: step.name, ...more });
  const own = { ...context, source, shapes, progress, settings: step.settings };
  if (!refiner.apart) throw new Error(`${refiner.name} has no blocks apart`);
  return { start: { plan, step, source, seed }, learned: await refiner.apart.learn(plan, own, shard) };
}
