import { createHash } from 'node:crypto';
import type { LearnedBasis } from '../emit/learned-file.js';
import { serializePlan } from '../emit/plan-file.js';
import type { Model } from '../graph/model.js';
import { hashOf, hashOfEnvironment, hashOfSamples } from '../prepare/identity.js';
import { hashModel } from '../proto/hash.js';
import { NONE } from '../recipe.js';
import type { LearningStart } from '../refine/refiner.js';

/**
 * What learned blocks depend on. What runs before counts by the numbers that it leaves, and what comes after not at all.
 *
 * @param model - the folded float model
 */
export async function learnedBasis(
  model: Model,
  { plan, step, source, seed }: LearningStart,
  provider = 'cpu',
): Promise<LearnedBasis> {
  const { name, settings } = step;
  const recipe = { ...plan.recipe, refine: NONE };
  const numbers = serializePlan(model, { ...plan, recipe, refinements: [], provenance: undefined });
  return {
    model: hashModel(model),
    samples: await hashOfSamples(source),
    settings: hashOf([name, settings, seed, recipe]),
    environment: hashOfEnvironment(provider),
    start: createHash('sha256').update(numbers).digest('hex'),
  };
}
