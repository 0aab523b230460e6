import type { LinearLayer } from '../graph/linear-layer.js';
import { floatAttribute, type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { isAllFinite } from '../numerics/finite.js';

/** Why a layer with a constant weight stays float; undefined where it need not. */
export function whyFloat(graph: Graph, linear: LinearLayer): string | undefined {
  const { dataType } = linear.weight;
  if (graph.initializers.has(inputAt(linear.node, 0) ?? '')) return 'its input is constant';
  if (dataType !== 'float32') return `its weight is ${dataType}: integer kernels write float32`;
  if (!isAllFinite(floatsOf(linear.weight))) return 'its weight holds values that are not finite';
  return undefined;
}

/** Why a layer whose weight is quantized multiplies in float; undefined where there is an integer kernel for it. */
export function whyNoKernel(graph: Graph, linear: LinearLayer): string | undefined {
  const bias = linear.bias === undefined ? undefined : graph.initializers.get(linear.bias);
  if (linear.bias !== undefined && bias?.dataType !== 'float32') return 'its bias is not a float32 constant';
  if (bias && bias.dims.length === 2 && (bias.dims[0] ?? 1) > 1)
    return 'its bias is a matrix, integer kernels add a row';
  return undefined;
}

/** Why a Gemm is no product with a bias alone: folding takes its factors into the weights, but not inside of bodies. */
export function whyNotPlain(node: Node): string | undefined {
  const isPlain =
    !isOp(node, 'Gemm') || (floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1);
  return isPlain ? undefined : 'its alpha or beta is not 1';
}

/** Whether one of the two operands is a constant. */
export const hasConstant = (graph: Graph, node: Node) =>
  node.inputs.slice(0, 2).some((name) => graph.initializers.has(name));

/** Why a Conv, Gemm or MatMul is no layer: none of its operands is a weight. */
export function whyNoLayer(graph: Graph, node: Node): string {
  const isConstant = hasConstant(graph, node);
  if (isOp(node, 'MatMul') && !isConstant) return 'both operands are activations';
  return isConstant
    ? 'its constant operand is not a float matrix on the right'
    : 'its weight is not constant';
}
