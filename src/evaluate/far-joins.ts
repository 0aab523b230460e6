import { type Graph, isOp } from '../graph/model.js';
import type { Placement } from '../place/placement.js';
import type { Plan } from '../quantize/plan.js';

/** A Concat on integers whose operands are of very different size. */
export interface FarJoin {
  /** The Concat's id. */
  readonly id: string;
  /** The operand of the smallest reach, max |x| on the samples, and that of the largest. */
  readonly small: Operand;
  readonly large: Operand;
}

interface Operand {
  readonly name: string;
  readonly reach: number;
}

/** Ratio of two ranges at which the smaller one is left with 8 of 255 steps. */
const FAR_APART = 30;

/** Values of very different size that are joined, and must share one scale. */
export function farJoins(
  graph: Graph,
  { placement, activations }: Pick<Plan, 'placement' | 'activations'>,
): FarJoin[] {
  const joins = joinsFarApart(graph, placement, (root) => activations.get(root)?.observation.range);
  return joins.filter(({ id }) => placement.roles.get(id)?.kind !== 'float');
}

/** The same before there is a plan, with those that compute in float and are read in codes. */
export function joinsFarApart(
  graph: Graph,
  placement: Placement,
  rangeOf: (root: string) => { readonly min: number; readonly max: number } | undefined,
): FarJoin[] {
  return graph.nodes.flatMap((node) => {
    // One that computes in float may still be read in codes.
    const isInCodes = node.outputs.some((output) => placement.values.has(output));
    if (!isOp(node, 'Concat') || (placement.roles.get(node.id)?.kind === 'float' && !isInCodes)) return [];
    const operands = node.inputs.flatMap((name): Operand[] => {
      const range = rangeOf(placement.values.get(name)?.root ?? name);
      const reach = range ? Math.max(-range.min, range.max) : 0;
      return reach > 0 ? [{ name, reach }] : [];
    });
    const [small, ...others] = operands.sort((a, b) => a.reach - b.reach);
    const large = others.at(-1);
    if (!small || !large || large.reach <= FAR_APART * small.reach) return [];
    return [{ id: node.id, small, large }];
  });
}
