import type { TensorStatistics } from '../../calibration/statistics.js';
import { flatOf } from '../graph/flat.js';
import { isOp, type Model, type Node } from '../graph/model.js';
import type { Placement } from '../place/placement.js';
import type { WidenedNode } from '../quantize/plan.js';

/**
 * Layers in the bodies of If, Loop and Scan, and products of two activations there, that are placed on integers, but of whose input or
 * result no sample had an element: a branch that none of them took, a loop without a step.
 *
 * @param tensors - what was observed, by value
 */
export function unseenNodes(
  { graph }: Pick<Model, 'graph'>,
  { roles, values, weighted }: Pick<Placement, 'roles' | 'values' | 'weighted'>,
  tensors: ReadonlyMap<string, Pick<TensorStatistics, 'min' | 'max'>>,
): { readonly node: Node; readonly because: WidenedNode['because'] }[] {
  const flat = flatOf(graph);
  if (flat.holders.size === 0) return [];
  const isUnseen = (value: string): boolean => {
    const placed = values.get(value);
    const seen = placed && tensors.get(placed.root);
    return placed !== undefined && !(seen && seen.min <= seen.max);
  };
  const results = new Map(weighted.map(({ node: { id }, result }) => [id, result]));
  return flat.graph.nodes.flatMap((node) => {
    const [owner] = flat.holders.get(node.id) ?? [];
    const role = roles.get(node.id);
    const isLayer = role?.kind === 'weighted' && role.weighted.runs.kind === 'integer';
    const isProduct = role?.kind === 'arithmetic' && isOp(node, 'MatMul');
    if (!owner || !(isLayer || isProduct)) return [];
    if (![...node.inputs, results.get(node.id) ?? ''].some(isUnseen)) return [];
    return [{ node, because: { kind: 'unseen', owner: `${owner.opType} "${owner.id}"` } as const }];
  });
}
