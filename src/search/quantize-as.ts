import type { EmittedModel } from '../emit/emit-model.js';
import { emitPlan } from '../emit/emit-plan.js';
import { encodeModel } from '../proto/encode.js';
import type { Plan } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';

/** A model quantized by one recipe, as its file would be. */
export interface Attempt {
  readonly recipe: Recipe;
  readonly plan: Plan;
  readonly emitted: EmittedModel;
  readonly bytes: Uint8Array;
}

/** Quantize by a recipe, down to the bytes of the file. */
export async function quantizeAs(planner: Planner, recipe: Recipe): Promise<Attempt> {
  const plan = await planner.plan(recipe);
  const { emitted } = emitPlan(planner.model, plan);
  return { recipe, plan, emitted, bytes: encodeModel(emitted.model) };
}
