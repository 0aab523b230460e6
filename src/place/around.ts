import { type Graph, inputAt, type Node } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import type { PlacedLayers } from './layers.js';
import { ruleOf } from './operators.js';
import { joinTakenApart } from './parts.js';
import type { Role } from './placement.js';

/** What runs on integers around the layers. */
export interface PlacedAround {
  readonly roles: ReadonlyMap<string, Role>;
  /** The values that are wanted as codes. */
  readonly demanded: ReadonlySet<string>;
}

/**
 * What becomes integer around the layers: what could be, forward, and of that, backward, what a layer reads in the end.
 *
 * @param taken - nodes that have a role already, by id
 */
export function placeAround(
  graph: Graph,
  uses: Uses,
  layers: PlacedLayers,
  taken: ReadonlySet<string>,
): PlacedAround {
  const { weighted, products, chains } = layers;
  const eligible = eligibleNodes(graph, uses, layers, taken);
  const roles = new Map<string, Role>();
  const demanded = new Set<string>();
  for (const { node, runs, result } of weighted) {
    if (runs.kind !== 'integer') continue;
    demanded.add(inputAt(node, 0) ?? '');
    if (ruleOf(node)?.output === 'codes') demanded.add(result);
  }
  // Their results are wanted as codes by whoever wants them: alone they are float, and what follows stays float.
  for (const node of products) for (const input of node.inputs) demanded.add(input);
  for (const node of [...graph.nodes].reverse()) {
    const rule = ruleOf(node);
    if (!rule || !eligible.has(node)) continue;
    const joined = joinTakenApart(node, uses);
    if (joined && taken.has(joined.id)) continue;
    if (rule.role === 'arithmetic' && demanded.has(chains.resultOf(node))) {
      roles.set(node.id, { kind: 'arithmetic' });
      for (const input of activationsOf(graph, node)) demanded.add(input);
    } else if (node.outputs.some((output) => demanded.has(output))) {
      const fused = rule.role === 'clamp' && chains.fusesInto(node);
      const clamp: Role = { kind: 'clamp', form: fused ? 'fused' : 'codes' };
      roles.set(node.id, rule.role === 'clamp' ? clamp : { kind: 'codes' });
      if (!fused) demanded.add(inputAt(node, 0) ?? '');
    }
  }
  return { roles, demanded };
}

/** Whether a layer or a product reads a value. */
export const isLayerInput = (uses: Uses, { products, chains }: PlacedLayers, value: string): boolean =>
  uses
    .readers(value)
    .some(({ node, index }) => (index === 0 && chains.layers.has(node)) || products.has(node));

/** Nodes that could run on integers, were their result wanted. */
function eligibleNodes(
  graph: Graph,
  uses: Uses,
  layers: PlacedLayers,
  taken: ReadonlySet<string>,
): Set<Node> {
  const eligible = new Set<Node>();
  // Values that integer arithmetic makes, as against those that are only quantized for a reader.
  const integer = new Set<string>();
  for (const node of graph.nodes) {
    if (layers.chains.isLayer(node)) {
      for (const output of node.outputs) integer.add(output);
      continue;
    }
    const rule = ruleOf(node);
    if (taken.has(node.id) || !rule || rule.exception?.(node, graph)) continue;
    const activations = activationsOf(graph, node);
    if (activations.length === 0) continue;
    const made = activations.some((value) => integer.has(value));
    const able =
      rule.role === 'codes' ||
      (rule.role === 'clamp' && made) ||
      (rule.role === 'arithmetic' &&
        made &&
        activations.every((value) => integer.has(value) || isLayerInput(uses, layers, value)));
    if (!able) continue;
    eligible.add(node);
    if (made) for (const output of node.outputs) integer.add(output);
  }
  return eligible;
}

/** The inputs that a node computes with: not shapes and indices, not constants that it may take as they are. */
function activationsOf({ initializers }: Graph, node: Node): string[] {
  const rule = ruleOf(node);
  const inputs = rule?.role === 'arithmetic' ? node.inputs : node.inputs.slice(0, 1);
  return inputs.filter((value) => value && !(rule?.constants && initializers.has(value)));
}
