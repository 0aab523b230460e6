import { type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import { floatsOf } from '../graph/tensor.js';
import { type AffineQuantizer, quantizeValue } from '../numerics/affine.js';

/** The interval that a Relu or a Clip clamps to. */
export interface ClampBounds {
  readonly low: number;
  readonly high: number;
}

/** Bounds of a Relu, or of a Clip with constant bounds. */
export function clampBounds(graph: Graph, node: Node): ClampBounds {
  if (isOp(node, 'Relu')) return { low: 0, high: Number.POSITIVE_INFINITY };
  const bound = (index: number): number | undefined => {
    const tensor = graph.initializers.get(inputAt(node, index) ?? '');
    return tensor && floatsOf(tensor)[0];
  };
  return { low: bound(1) ?? Number.NEGATIVE_INFINITY, high: bound(2) ?? Number.POSITIVE_INFINITY };
}

/**
 * The codes that a clamp reaches: clamp commutes with the monotonic quantization, Q(clamp(x)) = clamp(Q(x)).
 * Jacob et al. 2018, §2.4: fused activations are clamps of the output's codes.
 */
export function clampCodes({ low, high }: ClampBounds, quantizer: AffineQuantizer): ClampBounds {
  const codeOf = (value: number, infinite: number) =>
    Number.isFinite(value) ? quantizeValue(value, quantizer) : infinite;
  return { low: codeOf(low, quantizer.low), high: codeOf(high, quantizer.high) };
}
