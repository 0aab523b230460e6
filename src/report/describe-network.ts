import type { Graph } from '../graph/model.js';

/** A layer, an operator that joins several, or an input of the model. */
export interface NetworkNode {
  readonly id: string;
  /** `Input` for an input of the model. */
  readonly opType: string;
  /** Places in the list of the nodes whose results reach it. */
  readonly from: readonly number[];
}

/** Nodes beyond this many are no picture any more. */
const MOST_NODES = 400;

/**
 * The network as it is looked at: layers and what joins their results. Operators with one source, as activations and pools, are
 * left out.
 *
 * @param shown - ids of the layers
 * @returns in topological order; empty where there are more than 400
 */
export function describeNetwork(graph: Graph, shown: ReadonlySet<string>): NetworkNode[] {
  const nodes: NetworkNode[] = [];
  const sources = new Map<string, ReadonlySet<number>>();
  const add = (node: NetworkNode, values: readonly string[]) => {
    const source = new Set([nodes.push(node) - 1]);
    for (const value of values) sources.set(value, source);
  };
  for (const { name } of graph.inputs)
    if (!graph.initializers.has(name)) add({ id: name, opType: 'Input', from: [] }, [name]);
  for (const { id, opType, inputs, outputs } of graph.nodes) {
    const from = new Set(inputs.flatMap((value) => [...(sources.get(value) ?? [])]));
    if (shown.has(id) || from.size > 1) {
      if (nodes.length === MOST_NODES) return [];
      add({ id, opType, from: [...from].sort((a, b) => a - b) }, outputs);
    } else {
      for (const value of outputs) sources.set(value, from);
    }
  }
  return nodes;
}
