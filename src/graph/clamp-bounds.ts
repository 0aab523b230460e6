import { type Graph, inputAt, isOp, type Node } from './model.js';
import { arrayOf, floatsOf, isFloatTensor } from './tensor.js';

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
    if (!tensor) return undefined;
    // A Clip of integers has bounds of integers.
    return isFloatTensor(tensor) ? floatsOf(tensor)[0] : Number(arrayOf(tensor).data[0]);
  };
  return { low: bound(1) ?? Number.NEGATIVE_INFINITY, high: bound(2) ?? Number.POSITIVE_INFINITY };
}
