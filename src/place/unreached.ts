import { type Graph, subgraphsOf } from '../graph/model.js';
import { ruleOf } from './operators.js';

/** Where the layers are that are not reached, in words. */
export function elsewhere(graph: Graph): string {
  for (const node of graph.nodes) {
    for (const body of subgraphsOf(node)) {
      const inside = body.nodes.find((each) => ruleOf(each)?.role === 'layer');
      if (inside)
        return ` outside of ${node.opType} "${node.id}", in which ${inside.opType} "${inside.id}" is not reached`;
      const deeper = elsewhere(body);
      if (deeper) return deeper;
    }
    if (/^Fused(Conv|MatMul|Gemm)$/.test(node.opType))
      return ` but ${node.opType} "${node.id}", which is not reached`;
  }
  return '';
}
