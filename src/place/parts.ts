import { inputAt, isOp, type Node } from '../graph/model.js';
import type { Uses } from '../graph/uses.js';

/**
 * The Concat of which a node takes a part; undefined where it takes none. Where the Concat stays float, that part is
 * quantized behind the node, at a scale of its own.
 */
export function joinTakenApart(node: Node, uses: Pick<Uses, 'producer'>): Node | undefined {
  const joined = isOp(node, 'Slice', 'Split') ? uses.producer(inputAt(node, 0) ?? '') : undefined;
  return joined && isOp(joined, 'Concat') ? joined : undefined;
}
