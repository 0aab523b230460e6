import { type Node, subgraphsOf } from '../graph/model.js';
import { ruleOf } from './operators.js';

/**
 * Nodes whose results follow from shapes: Shape and Size, and what reads only their results and constants that are known.
 *
 * @param nodes - in topological order
 * @param constants - names of those that are known
 */
export function nodesOfShapes(nodes: readonly Node[], constants: Iterable<string>): Set<Node> {
  const known = new Set(constants);
  const found = new Set<Node>();
  for (const node of nodes) {
    // What a body computes does not follow from what its node reads.
    const isPlain = node.inputs.length > 0 && subgraphsOf(node).length === 0;
    const follows = isPlain && node.inputs.every((value) => !value || known.has(value));
    if (ruleOf(node)?.role !== 'shape' && !follows) continue;
    found.add(node);
    for (const output of node.outputs) known.add(output);
  }
  return found;
}
