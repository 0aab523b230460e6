import { BIAS_INPUT, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';
import { ruleOf } from '../place/operators.js';
import { type Placement, roleOf } from '../place/placement.js';

/**
 * What keeps the runtime from making integers of an operator that is to stay float.
 *
 * - `bias`: the layer's bias must come through a DQ. onnxruntime quantizes the weight of a float layer between DQ and Q
 *   by itself, per tensor, but only where the bias is a constant or missing.
 * - `barrier`: something must stand between the DQ and the operator, so that the runtime's pattern does not match.
 */
export type Guard =
  | {
      readonly kind: 'bias';
      readonly input: number;
      readonly bias: string | undefined;
      readonly channels: number;
    }
  | { readonly kind: 'barrier' };

/** The guard that a float operator needs; undefined where it reads no integers, or the runtime leaves it alone. */
export function guardOf(node: Node, graph: Graph, uses: Uses, placement: Placement): Guard | undefined {
  const readsIntegers = (reader: Node) =>
    placement.values.get(inputAt(reader, 0) ?? '')?.madeByInteger === true;
  const rule = ruleOf(node);
  // The other exceptions of the table do not match the runtime's patterns.
  if (isOp(node, 'AveragePool') && rule?.exception?.(node, graph) && readsIntegers(node))
    return { kind: 'barrier' };

  const linear = linearLayerOf(graph, node);
  if (linear && !isOp(node, 'MatMul')) {
    const isComputed = linear.bias !== undefined && !graph.initializers.has(linear.bias);
    if (isComputed || !readsIntegers(node)) return undefined;
    return { kind: 'bias', input: BIAS_INPUT, bias: linear.bias, channels: linear.outputChannels };
  }
  // MatMul → Add becomes a Gemm first.
  const input = isOp(node, 'Add') ? node.inputs.findIndex((name) => graph.initializers.has(name)) : -1;
  const product = input < 0 ? undefined : uses.producer(node.inputs[1 - input] ?? '');
  const matMul = product && isOp(product, 'MatMul') ? linearLayerOf(graph, product) : undefined;
  const bias = node.inputs[input];
  const isRow = graph.initializers.get(bias ?? '')?.dims.length === 1;
  const role = matMul && roleOf(placement, matMul.node);
  const isFloat =
    role?.kind === 'float' || (role?.kind === 'weighted' && role.weighted.runs.kind === 'float');
  if (!matMul || !isRow || !isFloat || !readsIntegers(matMul.node)) return undefined;
  return { kind: 'bias', input, bias, channels: matMul.outputChannels };
}
