import { tensorOfConstant } from '../graph/constant-node.js';
import { isOp, type Model, type Node } from '../graph/model.js';
import type { Pass } from './pass.js';

/**
 * Constant → initializer.
 *
 * - Every form of the value is read but the sparse one and strings, which stay nodes.
 * - The initializer takes the name of the node's output, so that a graph output keeps its name: but an initializer
 *   that is a graph output itself stays a node, since some runtimes refuse it.
 */
export const constantNodes: Pass = {
  name: 'constant-nodes',
  summary: 'Constant nodes become initializers',
  needs: [],
  ensures: ['constants are initializers'],
  run(model: Model): number {
    const { graph } = model;
    const outputs = new Set(graph.outputs.map((output) => output.name));
    const folded = new Set<Node>();
    for (const node of graph.nodes) {
      const [output] = node.outputs;
      if (!isOp(node, 'Constant') || !output || outputs.has(output)) continue;
      const tensor = tensorOfConstant(node);
      if (!tensor) continue;
      graph.initializers.set(output, tensor);
      folded.add(node);
    }
    graph.nodes = graph.nodes.filter((node) => !folded.has(node));
    return folded.size;
  },
};
