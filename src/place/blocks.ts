import type { LinearLayer } from '../graph/linear-layer.js';
import { floatAttribute, intAttribute, isOp } from '../graph/model.js';
import { elementCount } from '../numerics/nd-array.js';
import { blockBits, blockSchemes, type LayerRecipe } from '../recipe.js';

/** Why MatMulNBits cannot take a layer's weight, so that it is packed; undefined where it can. */
export function whyNoBlocks(
  { node, weight: tensor, bias }: LinearLayer,
  recipe: LayerRecipe,
): string | undefined {
  if (!isOp(node, 'MatMul', 'Gemm')) return `MatMulNBits is no ${node.opType}`;
  if (elementCount(tensor.dims) === 0) return 'it has no weights';
  const factors = bias === undefined ? ['alpha'] : ['alpha', 'beta'];
  if (factors.some((name) => floatAttribute(node, name, 1) !== 1)) return 'MatMulNBits has no factors';
  if (intAttribute(node, 'transA', 0) !== 0) return 'MatMulNBits takes no input that lies across';
  if (!blockBits.includes(recipe.bits)) return `MatMulNBits holds no ${recipe.bits} bits`;
  if (!blockSchemes.includes(recipe.scheme)) return `blocks hold no ${recipe.scheme} levels`;
  return undefined;
}
