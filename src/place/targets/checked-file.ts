import { inputAt, isOp, type Model, type Node } from '../../graph/model.js';
import { isQuantizing, QdqGraph } from '../../graph/qdq-graph.js';
import type { CheckedFile, WeightAt } from './target.js';

/** Operators whose second input is a weight. */
const layers = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];

/**
 * A file as rules look at it.
 *
 * @param model - as it was read
 * @param known - the same with what is computed of constants as constants
 */
export function checkedFile(model: Model, known: Model): CheckedFile {
  const qdq = new QdqGraph(known.graph);
  const { nodes } = known.graph;
  const isConstant = (node: Node) => known.graph.initializers.has(inputAt(node, 0) ?? '');
  return {
    model,
    qdq,
    activations: nodes
      .filter((node) => isQuantizing(node) && !isConstant(node))
      .map((node) => ({ node, grid: qdq.gridOf(node) })),
    weights: nodes.flatMap((layer): WeightAt[] => {
      if (!isOp(layer, ...layers)) return [];
      const read = qdq.read(inputAt(layer, 1));
      if (!read?.tensor) return [];
      return [{ layer, read, isPlain: model.graph.initializers.has(read.name) }];
    }),
  };
}

/** Whether a layer has a weight and an activation in codes. */
export const isQuantizedLayer = (node: Node, qdq: QdqGraph): boolean =>
  isOp(node, ...layers) &&
  qdq.read(inputAt(node, 0)) !== undefined &&
  qdq.read(inputAt(node, 1)) !== undefined;
