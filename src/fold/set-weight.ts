import { addInitializer } from '../graph/edit.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import type { Graph } from '../graph/model.js';
import type { Tensor } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';

/** Give the layer a new weight: in place where it alone reads it, under a new name otherwise. */
export function setWeight(graph: Graph, layer: LinearLayer, tensor: Tensor): void {
  if (indexUses(graph).hasOneUse(layer.weight)) graph.initializers.set(layer.weight, tensor);
  else layer.node.inputs[1] = addInitializer(graph, layer.weight, tensor);
}
