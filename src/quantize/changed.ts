import type { ActivationQuantizer } from '../numerics/activation.js';
import { layerKeyOf } from '../place/placement.js';
import { biasOwner, problemOfActivation, problemOfBias, problemOfWeight } from './check-plan.js';
import { pairingIn, withinPairs } from './pairs.js';
import type { Plan, PlannedActivation, StoredTensor } from './plan.js';
import { dequantizeTensor } from './quantized-tensor.js';

/** What of a plan is to be other numbers; what is not named stays. */
export interface PlanChange {
  /** By site id. Sites that shared a tensor go on sharing: a change of one is one of all. */
  readonly weights?: ReadonlyMap<string, StoredTensor>;
  /** Float targets, one value an output channel, by node id; those of W and R of a recurrent operator by site id. */
  readonly biases?: ReadonlyMap<string, Float32Array>;
  /** By root value. */
  readonly activations?: ReadonlyMap<string, ActivationQuantizer>;
}

/**
 * A plan with other numbers: the only way from one plan to the next. The plan given stays as it is. Weights whose sums could
 * saturate on x86 without VNNI are moved to the nearest that cannot, as everywhere (pairs.ts).
 *
 * @param by - who changes it, a refiner's name: the owner of the activations from here on
 * @throws Error for numbers that no model can be written from: shape, width, codes out of range, a scale too small for the
 * bias at it
 */
export function changed(plan: Plan, by: string, change: PlanChange): Plan {
  const activations = new Map(plan.activations);
  for (const [value, quantizer] of change.activations ?? []) {
    const known = plan.activations.get(value);
    if (!known) throw new Error(`${by} changes ${value}, which is not quantized`);
    const problem = problemOfActivation(quantizer);
    if (problem) throw new Error(`${by} changes ${value}, which ${problem}`);
    activations.set(value, { ...known, quantizer, owner: by } satisfies PlannedActivation);
  }
  const biases = new Map(plan.biases);
  for (const [id, bias] of change.biases ?? []) {
    const weighted = biasOwner(plan.placement, id);
    if (!weighted) throw new Error(`${by} changes the bias of ${id}, which has no quantized weight`);
    const problem = problemOfBias(weighted, id, bias);
    if (problem) throw new Error(`${by} changes the bias of ${id}, which ${problem}`);
    biases.set(id, bias);
  }
  const weights = new Map(plan.weights);
  for (const [id, weight] of change.weights ?? []) {
    const known = plan.weights.get(id);
    if (!known) throw new Error(`${by} changes ${id}, which is no quantized weight`);
    for (const [other, tensor] of plan.weights) if (tensor === known) weights.set(other, weight);
  }
  const next: Plan = { ...plan, weights, biases, activations };
  checkWeights(plan, next, by);
  return { ...next, weights: portable(plan, next) };
}

/** The weights of a plan, those that changed and could now saturate moved to the nearest codes that cannot. */
function portable(before: Plan, after: Plan): Map<string, StoredTensor> {
  const weights = new Map(after.weights);
  for (const weighted of after.placement.weighted) {
    const pairing = pairingIn(after, weighted);
    if (!pairing) continue;
    for (const { id } of weighted.sites) {
      const weight = weights.get(id);
      if (!weight || weight.kind === 'blocks') continue;
      if (weight === before.weights.get(id) && pairing.bound === pairingIn(before, weighted)?.bound) continue;
      const moved = withinPairs(weight, dequantizeTensor(weight), pairing);
      if (moved === weight) continue;
      for (const [other, tensor] of weights) if (tensor === weight) weights.set(other, moved);
    }
  }
  return weights;
}

/** What changed of a weight, its bias or its input must still fit together. */
function checkWeights(before: Plan, after: Plan, by: string): void {
  const moved = new Set(
    [...after.activations]
      .filter(([root, { quantizer }]) => {
        return before.activations.get(root)?.quantizer.grid.scale !== quantizer.grid.scale;
      })
      .map(([root]) => root),
  );
  for (const weighted of after.placement.weighted) {
    const { node, sites } = weighted;
    const input = after.placement.values.get(node.inputs[0] ?? '');
    const isMoved = input !== undefined && moved.has(layerKeyOf(input));
    const isBiased = after.biases.get(node.id) !== before.biases.get(node.id);
    for (const site of sites) {
      const weight = after.weights.get(site.id);
      if (!weight || !(isMoved || isBiased || weight !== before.weights.get(site.id))) continue;
      const problem = problemOfWeight(after, weighted, site, weight);
      if (problem) throw new Error(`${by} leaves ${site.id}, which ${problem}`);
    }
  }
}
