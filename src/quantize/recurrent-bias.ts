import { type Graph, inputAt, type Node } from '../graph/model.js';
import { biasOfHalves, halvesOfBias, RECURRENT_INPUT, recurrenceOf } from '../graph/recurrence.js';
import { floatsOf } from '../graph/tensor.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { WeightedNode } from '../place/placement.js';
import type { Plan } from './plan.js';

/** B of a recurrent operator, [directions, 2 · gates · cells], where a plan has another for it; else undefined. */
export function recurrentBias(
  graph: Graph,
  plan: Pick<Plan, 'biases'>,
  source: Node,
  sites: WeightedNode['sites'],
): NdArray | undefined {
  const recurrence = recurrenceOf(source);
  const targets = new Map(sites.map(({ id, input }) => [input, plan.biases.get(id)]));
  if (!recurrence || [...targets.values()].every((target) => !target)) return undefined;
  const own = graph.initializers.get(inputAt(source, RECURRENT_INPUT.bias) ?? '');
  const halves = halvesOfBias(recurrence, own && floatsOf(own));
  const data = biasOfHalves(recurrence, {
    w: targets.get(RECURRENT_INPUT.w) ?? halves.w,
    r: targets.get(RECURRENT_INPUT.r) ?? halves.r,
  });
  const directions = recurrence.reverse.length;
  return { type: 'float32', dims: [directions, data.length / directions], data };
}
