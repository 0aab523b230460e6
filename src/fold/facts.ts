import { tensorOfConstant } from '../graph/constant-node.js';
import { linearLayerOf } from '../graph/linear-layer.js';
import { floatAttribute, type Graph, isOp, type Model, type Node } from '../graph/model.js';
import { indexUses, readsOf } from '../graph/uses.js';

/** What one pass makes true of a graph and others rely on, each with how to tell. */
export const facts = {
  'constants are initializers': (graph: Graph): boolean => {
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const isLeft = (node: Node) =>
      !outputs.has(node.outputs[0] ?? '') && tensorOfConstant(node) !== undefined;
    return !graph.nodes.some((node) => isOp(node, 'Constant') && isLeft(node));
  },
  'initializers are not fed': (graph: Graph): boolean =>
    !graph.inputs.some(({ name }) => graph.initializers.has(name)),
  'no identities': (graph: Graph): boolean => {
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    return !graph.nodes.some((node) => isOp(node, 'Identity') && !outputs.has(node.outputs[0] ?? ''));
  },
  'factors of Gemm are 1': (graph: Graph): boolean =>
    graph.nodes.every(
      (node) =>
        !isOp(node, 'Gemm') ||
        !linearLayerOf(graph, node) ||
        (floatAttribute(node, 'alpha', 1) === 1 &&
          (!node.inputs[2] ||
            !graph.initializers.has(node.inputs[2]) ||
            floatAttribute(node, 'beta', 1) === 1)),
    ),
} as const;

export type Fact = keyof typeof facts;

/**
 * What is wrong with a graph that a pass has left: every value that is read has a maker, and one only, and what
 * BatchNormalization told belongs to a value that there is.
 *
 * @returns the first fault, in words; undefined where there is none
 */
export function faultOf({ graph, batchNorms }: Pick<Model, 'graph' | 'batchNorms'>): string | undefined {
  const made = new Set<string>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output && (made.has(output) || graph.initializers.has(output))) return `"${output}" has two makers`;
      made.add(output);
    }
  }
  const names = new Set([...made, ...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) {
    const missing = readsOf(node).find((name) => !names.has(name));
    if (missing !== undefined) return `"${missing}", which ${node.opType} "${node.id}" reads, has no maker`;
  }
  const lost = graph.outputs.find(({ name }) => !names.has(name));
  if (lost) return `the output "${lost.name}" has no maker`;
  const stale = [...batchNorms.keys()].find((name) => !made.has(name));
  return stale === undefined ? undefined : `the moments of "${stale}" belong to no value`;
}

/** Drop what BatchNormalization told of values that are gone. */
export function forgetUnmade({ graph, batchNorms }: Model): void {
  const uses = indexUses(graph);
  for (const name of [...batchNorms.keys()]) if (!uses.producer(name)) batchNorms.delete(name);
}
