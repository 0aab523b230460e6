import { addInitializer } from '../graph/edit.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import type { Graph } from '../graph/model.js';
import { floatsOf, floatTensor, type Tensor } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';

/** Give the layer a new weight: in place where it alone reads it, under a new name otherwise. */
export function setWeight(graph: Graph, layer: LinearLayer, tensor: Tensor): void {
  if (indexUses(graph).hasOneUse(layer.weight)) graph.initializers.set(layer.weight, tensor);
  else layer.node.inputs[1] = addInitializer(graph, layer.weight, tensor);
}

/**
 * Multiply each element of the layer's weight by the factor of its channel.
 *
 * @param channelOf - the channel of each element, row-major
 */
export function scaleWeight(
  graph: Graph,
  layer: LinearLayer,
  factors: Float64Array,
  channelOf: (element: number) => number,
): void {
  const { dataType, dims } = layer.tensor;
  const weights = floatsOf(layer.tensor);
  // A loop: from() with a function gathers its results as objects first, 0.1 µs an element.
  const scaled = new Float64Array(weights.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = (weights[i] as number) * (factors[channelOf(i)] ?? 0);
  setWeight(graph, layer, floatTensor(dataType, dims, scaled));
}
