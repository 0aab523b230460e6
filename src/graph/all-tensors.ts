import { type Graph, subgraphsOf } from './model.js';
import type { Tensor } from './tensor.js';

/** The initializers of a graph and of its subgraphs; one that has two names comes twice. */
export function* initializersOf(graph: Graph): Generator<Tensor> {
  yield* graph.initializers.values();
  for (const node of graph.nodes) for (const subgraph of subgraphsOf(node)) yield* initializersOf(subgraph);
}

/** The graph with other initializers, subgraphs included; the graph given is left as it is. */
export function mapInitializers(graph: Graph, change: (tensor: Tensor) => Tensor): Graph {
  return {
    ...graph,
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, change(tensor)])),
    nodes: graph.nodes.map((node) => {
      if (subgraphsOf(node).length === 0) return node;
      const attributes = new Map(node.attributes);
      for (const [name, found] of attributes) {
        if (found.kind === 'graph')
          attributes.set(name, { ...found, value: mapInitializers(found.value, change) });
        if (found.kind === 'graphs') {
          const value = found.value.map((subgraph) => mapInitializers(subgraph, change));
          attributes.set(name, { ...found, value });
        }
      }
      return { ...node, attributes };
    }),
  };
}
