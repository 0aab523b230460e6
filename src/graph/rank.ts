import { type Graph, inputAt, isOp, type Node } from './model.js';
import { integersOf } from './tensor.js';
import type { Uses } from './uses.js';

/** Operators whose output has the rank of their first input. */
const rankKeepers = new Set([
  'Relu',
  'Clip',
  'LeakyRelu',
  'Sigmoid',
  'HardSwish',
  'Identity',
  'Dropout',
  'BatchNormalization',
  'Conv',
  'ConvTranspose',
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Transpose',
  'Pad',
  'Slice',
  'Softmax',
  'Concat',
]);

/**
 * The rank of a value, where the graph states it or an operator before it fixes it; undefined otherwise.
 * An exact answer or none: a pass that needs a rank leaves the graph alone without one.
 */
export function rankOf(graph: Graph, uses: Uses, value: string): number | undefined {
  const stated =
    graph.initializers.get(value)?.dims ??
    graph.inputs.find((input) => input.name === value)?.shape ??
    graph.valueInfo.get(value)?.shape ??
    graph.outputs.find((output) => output.name === value)?.shape;
  if (stated) return stated.length;
  const producer = uses.producer(value);
  return producer && producer.outputs[0] === value ? rankOfOutput(graph, uses, producer) : undefined;
}

function rankOfOutput(graph: Graph, uses: Uses, node: Node): number | undefined {
  if (isOp(node, 'Gemm', 'Flatten')) return 2;
  if (isOp(node, 'Reshape')) {
    const shape = graph.initializers.get(inputAt(node, 1) ?? '');
    return shape && integersOf(shape).length;
  }
  const [first, second] = node.inputs;
  const firstRank = first && rankOf(graph, uses, first);
  if (!firstRank) return undefined;
  if (node.domain === '' && rankKeepers.has(node.opType)) return firstRank;
  if (isOp(node, 'Add', 'Sub', 'Mul', 'Div')) {
    const secondRank = second && rankOf(graph, uses, second);
    return secondRank ? Math.max(firstRank, secondRank) : undefined;
  }
  // A matrix weight keeps the rank of the activation before it.
  if (isOp(node, 'MatMul') && second && graph.initializers.get(second)?.dims.length === 2 && firstRank >= 2) {
    return firstRank;
  }
  return undefined;
}
