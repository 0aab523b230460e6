import type { LinearLayer } from '../graph/linear-layer.js';
import { type Graph, isOp, type Node } from '../graph/model.js';
import type { WeightedNode, WeightSite } from '../place/placement.js';
import { biasOf } from '../quantize/bias.js';
import { type Plan, type StoredTensor, weightAt } from '../quantize/plan.js';
import type { LayerRecipe } from '../recipe.js';

/** A linear layer of a plan, whose weight is read by it alone. */
export interface RefinableLayer {
  readonly id: string;
  readonly node: Node;
  readonly weighted: WeightedNode;
  readonly linear: LinearLayer;
  readonly recipe: LayerRecipe;
  /** What the plan keys its weight by. */
  readonly site: string;
  readonly weight: StoredTensor;
  /** One value a channel; undefined without a bias. */
  readonly bias: Float32Array | undefined;
  /** The Add that brings the bias; undefined where the operator has its own. */
  readonly biasAdd: Node | undefined;
  /** Whether it has a place for a bias: a MatMul on floats without such an Add has none. */
  readonly takesBias: boolean;
  /** The result before the activation function. */
  readonly output: string;
}

/** The layers of a plan that refiners can work on, in the order of the graph: those of the main graph. */
export function refinableLayers(graph: Graph, plan: Plan): RefinableLayer[] {
  const { weighted } = plan.placement;
  const isOnlyReader = onlyReaders(plan);
  return weighted.flatMap((each): RefinableLayer[] => {
    const { node, sites, runs, recipe, owner } = each;
    const { linear } = runs;
    const [site, ...others] = sites;
    if (owner || !linear || others.length > 0 || !isOnlyReader(site)) return [];
    const biasAdd = runs.kind === 'integer' ? runs.biasAdd : undefined;
    return [
      {
        ...{ id: node.id, node, weighted: each, linear, recipe, biasAdd },
        site: site.id,
        weight: weightAt(plan, site),
        bias: plan.biases.get(node.id) ?? biasOf(graph, each),
        takesBias: biasAdd !== undefined || runs.kind !== 'float' || !isOp(node, 'MatMul'),
        output: (biasAdd ?? node).outputs[0] ?? node.id,
      },
    ];
  });
}

/** Whether a weight of a plan is read at one site alone. */
export function onlyReaders({ placement }: Plan): (site: WeightSite) => boolean {
  const readers = new Map<string, number>();
  for (const { sites } of placement.weighted)
    for (const { weightName: name } of sites) readers.set(name, (readers.get(name) ?? 0) + 1);
  return ({ weightName }) => readers.get(weightName) === 1;
}
