import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, isOp, type Node } from '../graph/model.js';
import { indexUses, type Uses } from '../graph/uses.js';

/** A place in space has so many coordinates. */
const MOST_OUTPUTS = 3;

const moving = [
  'Flatten',
  'Identity',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
] as const;

/** Why a layer is kept that takes the expectation of a Softmax. */
export const EXPECTATION = 'it takes the expectation of a Softmax: its weights are numbers, as of places';

/**
 * Layers that take the expectation of a distribution: a Conv of 1 × 1, a Gemm or a MatMul of one to three outputs that reads a
 * Softmax, moved at most. Their weights are the numbers that are chosen among, as 0 … 15 steps from the edge of a box (the
 * distribution focal loss of Li et al. 2020) or the places of a heat map, and 8 bits put 15 on a step of 15/127: the box is
 * off by 0.6 % of the image before anything else is. They are some bytes and no time.
 */
export function expectationsOf(graph: Graph, uses: Uses = indexUses(graph)): ReadonlySet<Node> {
  return new Set(
    graph.nodes.filter((node) => {
      const linear = linearLayerOf(graph, node);
      return linear !== undefined && isWeightedMean(linear) && isDistribution(uses, inputAt(node, 0) ?? '');
    }),
  );
}

/** Whether a layer maps a list to a few numbers, each place by itself. */
function isWeightedMean({ node, weight, outputChannels, groups }: LinearLayer): boolean {
  if (isOp(node, 'ConvTranspose') || groups !== 1 || outputChannels > MOST_OUTPUTS) return false;
  return weight.dims.slice(2).every((size) => size === 1);
}

function isDistribution(uses: Uses, value: string): boolean {
  let producer = uses.producer(value);
  while (producer && isOp(producer, ...moving)) producer = uses.producer(inputAt(producer, 0) ?? '');
  return producer !== undefined && isOp(producer, 'Softmax');
}
