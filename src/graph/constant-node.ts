import type { Attribute, Node } from './model.js';
import { type Tensor, tensorOf } from './tensor.js';

/** The value of a Constant node, whichever attribute holds it; undefined for strings and sparse tensors. */
export function tensorOfConstant(node: Node): Tensor | undefined {
  const [[name, found] = []] = [...node.attributes];
  if (!name || !found || node.attributes.size !== 1) return undefined;
  switch (found.kind) {
    case 'tensor':
      return found.value.storage.kind === 'external' ? undefined : found.value;
    case 'float':
      return tensorOf({ type: 'float32', dims: [], data: Float32Array.of(found.value) });
    case 'floats':
      return tensorOf({ type: 'float32', dims: [found.value.length], data: Float32Array.from(found.value) });
    case 'int':
    case 'ints':
      return integers(found);
    default:
      return undefined;
  }
}

function integers(found: Extract<Attribute, { kind: 'int' | 'ints' }>): Tensor {
  if (found.kind === 'int') return tensorOf({ type: 'int64', dims: [], data: BigInt64Array.of(found.value) });
  return tensorOf({ type: 'int64', dims: [found.value.length], data: BigInt64Array.from(found.value) });
}
