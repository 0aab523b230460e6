import type { Model } from '../graph/model.js';
import { raisedChannelsIn } from '../quantize/bias.js';
import type { Plan, ReportedPlan } from '../quantize/plan.js';
import { type EmittedModel, emitModel } from './emit-model.js';
import { addRecipe } from './recipe-metadata.js';
import { storedBytes } from './weights/forms.js';

/** The model of a plan with its recipe in it, as its file will be, and what a report shows of the plan: the weights can go. */
export function emitPlan(model: Model, plan: Plan): { emitted: EmittedModel; plan: ReportedPlan } {
  const emitted = emitModel(model, plan);
  addRecipe(emitted.model, plan.recipe, plan.provenance);
  return { emitted, plan: reportedPlan(plan, emitted.model) };
}

/** What a report shows of a plan; the weights can go. */
export function reportedPlan(plan: Plan, model: Model): ReportedPlan {
  const { recipe, placement, activations, refinements } = plan;
  const raised = placement.weighted.map((each) => [each.node.id, raisedChannelsIn(plan, each)] as const);
  return {
    recipe,
    placement,
    activations,
    refinements,
    raisedChannels: new Map(raised),
    weightBytes: storedBytes(plan, model),
  };
}
