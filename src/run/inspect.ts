import { basename } from 'node:path';
import { convertModel } from '../convert/convert-model.js';
import { foldModel } from '../fold/fold-model.js';
import { foldedFormOf } from '../fold/folded-form.js';
import { fedInputs } from '../graph/model.js';
import { loadModel } from '../load/load-model.js';
import type { InspectOptions } from '../options.js';
import { place } from '../place/place.js';
import { checkModel } from '../prepare/check-files.js';
import { checkGiven } from '../prepare/check-options.js';
import { resolveRecipe } from '../recipe.js';
import { registries } from '../registries.js';
import { describePlan } from '../report/describe-plan.js';
import type { Inspection } from '../report/inspection.js';

/**
 * The plan without its numbers: what would be quantized, and the reason for everything that would not. Needs no data.
 *
 * @throws QuantizeError for a model that cannot be read, or a pattern that names no layer
 */
export async function inspect(options: InspectOptions): Promise<Inspection> {
  checkGiven(options);
  const recipe = resolveRecipe(options.recipe, registries, true);
  await checkModel(options.model);
  const { model } = await loadModel(options.model, undefined, { set: options.set });
  const { outputs } = model.graph;
  const inputs = fedInputs(model.graph);
  const form = foldedFormOf(recipe);
  if (form.isConverted) convertModel(model, options.model);
  const fold = await foldModel(model, form);
  const placement = place(model, recipe, options.model);
  return {
    model: basename(options.model),
    recipe,
    inputs,
    outputs,
    fold,
    plan: describePlan(model.graph, placement, recipe),
  };
}
