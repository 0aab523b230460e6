import type { SampleSource } from '../../calibration/source.js';
import { hashStatistics } from '../../calibration/statistics-hash.js';
import type { QuantizeOptions } from '../options.js';
import { hashOf, hashOfEnvironment, hashOfSamples } from '../prepare/identity.js';
import { hashModel } from '../proto/hash.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import { questionOf } from '../search/find-recipe.js';
import type { SensitivityBasis } from '../search/sensitivity-file.js';

/**
 * What sensitivities depend on. Ranges count by what they were found from, so that statistics of a file are those of the samples.
 *
 * @param recipe - what holds of every layer, not refined
 */
export async function sensitivityBasis(
  { model, statistics }: Planner,
  recipe: Recipe,
  source: SampleSource,
  { auto = {}, inputRange, provider = 'cpu' }: Pick<QuantizeOptions, 'auto' | 'inputRange' | 'provider'>,
): Promise<SensitivityBasis> {
  const observed = statistics && hashStatistics(statistics, statistics.tensors.keys());
  return {
    model: hashModel(model),
    samples: hashOf([observed, await hashOfSamples(source), inputRange]),
    settings: hashOf(questionOf(recipe, auto)),
    environment: hashOfEnvironment(provider),
  };
}
