import type { Model } from '../graph/model.js';
import { type Plan, type ReportedPlan, reportedPlan } from '../quantize/plan.js';
import { type EmittedModel, emitModel } from './emit-model.js';
import { addRecipe } from './recipe-metadata.js';
import { storedBytes } from './weights/forms.js';

/** The model of a plan with its recipe in it, as its file will be, and what a report shows of the plan: the weights can go. */
export function emitPlan(model: Model, plan: Plan): { emitted: EmittedModel; plan: ReportedPlan } {
  const emitted = emitModel(model, plan);
  addRecipe(emitted.model, plan.recipe);
  return { emitted, plan: reportedPlan(plan, storedBytes(plan, emitted.model)) };
}
