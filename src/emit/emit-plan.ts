import { inputAt, type Model } from '../graph/model.js';
import { layerNodes } from '../place/layers.js';
import { roleOf } from '../place/placement.js';
import { TRANSFORM } from '../place/sound.js';
import { formOf } from '../place/targets/targets.js';
import { raisedChannelsIn } from '../quantize/bias.js';
import type { Plan, ReportedPlan } from '../quantize/plan.js';
import type { QuantizedTensor } from '../quantize/quantized-tensor.js';
import { type EmittedModel, emitModel } from './emit-model.js';
import { withHalfConstants } from './half-constants.js';
import { type HalfNodes, inHalf } from './half-nodes.js';
import { inOperatorForm } from './operator-form.js';
import { raised } from './raise-opset.js';
import { addRecipe } from './recipe-metadata.js';
import { dropStaleNotes } from './stale-notes.js';
import { inTargetForm } from './target-form.js';
import { formTarget, storedBytes } from './weights/forms.js';
import { unpaidWeights } from './weights/unpaid.js';

/** What becomes of a plan. */
export interface EmittedPlan {
  /** As its file will be, with its recipe in it. */
  readonly emitted: EmittedModel;
  /** What a report shows of the plan: the weights can go. */
  readonly plan: ReportedPlan;
  /** What is written in float16, and the same model in float32; undefined where nothing is. */
  readonly halves: (HalfNodes & { readonly wide: Model }) | undefined;
}

/** The model of a plan. */
export function emitPlan(model: Model, plan: Plan): EmittedPlan {
  const unpaid = unpaidWeights(plan, formTarget(model, plan.recipe.format));
  const { target, format } = plan.recipe;
  const shaped = inTargetForm(emitModel(model, plan, unpaid), formOf(target));
  const formed = format === 'qoperator' ? { ...shaped, model: inOperatorForm(shaped.model) } : shaped;
  const isHalf = plan.recipe.float16 || model.wasNarrow;
  const { emitted: computed, halves } = isHalf
    ? inHalf(formed, model, plan.placement)
    : { emitted: formed, halves: undefined };
  const halved = withHalfConstants(computed, model, isHalf ? undefined : transformsOf(model, plan));
  const emitted = raised(halved, plan.recipe);
  dropStaleNotes(emitted.model);
  addRecipe(emitted.model, plan.recipe, plan.provenance);
  const wide = raised(formed, plan.recipe).model;
  return { emitted, plan: reportedPlan(plan, emitted.model), halves: halves && { ...halves, wide } };
}

/** The weights of Fourier transforms, which are kept in 16 bits where onnxruntime reads them. */
function transformsOf({ graph }: Model, { placement, recipe }: Plan): ReadonlySet<string> {
  if (recipe.target !== 'onnxruntime') return new Set();
  const kept = layerNodes(graph).filter((node) => {
    const role = roleOf(placement, node);
    return role?.kind === 'float' && role.reason === TRANSFORM;
  });
  return new Set(kept.flatMap((node) => inputAt(node, 1) ?? []));
}

/** Layers below 8 bits that would take no fewer bytes than at 8, packing and all, by node id. */
export function unpaidLayers(model: Model, plan: Plan): ReadonlySet<string> {
  const unpaid = unpaidWeights(plan, formTarget(model, plan.recipe.format));
  const isUnpaid = ({ id }: { id: string }) => unpaid.has(plan.weights.get(id) as QuantizedTensor);
  const layers = plan.placement.weighted.filter(({ sites }) => sites.every(isUnpaid));
  return new Set(layers.map(({ node }) => node.id));
}

/** What a report shows of a plan; the weights can go. */
export function reportedPlan(plan: Plan, model: Model): ReportedPlan {
  const { recipe, placement, activations, refinements, widened } = plan;
  const raised = placement.weighted.map((each) => [each.node.id, raisedChannelsIn(plan, each)] as const);
  return {
    recipe,
    placement,
    activations,
    refinements,
    widened,
    raisedChannels: new Map(raised),
    weightBytes: storedBytes(plan, model),
  };
}
