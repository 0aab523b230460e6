import type { LinearLayer } from '../graph/linear-layer.js';
import { floatAttribute, intAttribute, isOp } from '../graph/model.js';
import { elementCount } from '../numerics/nd-array.js';
import { blockBitsOf, blockSchemes, type LayerRecipe, type Recipe } from '../recipe.js';

/** Why a layer's weight cannot be stored in blocks, so that it is packed; undefined where it can. */
export function whyNoBlocks(
  { node, weight: tensor, bias, outputAxis }: LinearLayer,
  recipe: LayerRecipe,
  { format, blocks }: Pick<Recipe, 'format' | 'blocks'>,
): string | undefined {
  if (!isOp(node, 'MatMul', 'Gemm')) return `no ${node.opType} has blocks`;
  if (elementCount(tensor.dims) === 0) return 'it has no weights';
  const factors = bias === undefined ? ['alpha'] : ['alpha', 'beta'];
  if (factors.some((name) => floatAttribute(node, name, 1) !== 1)) return 'blocks have no factors';
  if (intAttribute(node, 'transA', 0) !== 0) return 'its input lies across';
  if (!blockBitsOf(format)?.includes(recipe.bits)) return `blocks hold no ${recipe.bits} bits`;
  if (!blockSchemes.includes(recipe.scheme)) return `blocks hold no ${recipe.scheme} levels`;
  const inputs = tensor.dims[1 - outputAxis] ?? 1;
  if (format === 'matmulbnb4' && inputs % blocks.size !== 0)
    return `its rows of ${inputs} are no whole number of blocks of ${blocks.size}`;
  return undefined;
}
