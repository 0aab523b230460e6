import type { GraphEditor } from '../graph/editor.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import { floatsOf, floatTensor, type Tensor } from '../graph/tensor.js';

/** Give the layer a new weight: in place where it alone reads it, under a new name otherwise. */
export function setWeight(editor: GraphEditor, layer: LinearLayer, tensor: Tensor): void {
  if (editor.uses.hasOneUse(layer.weightName)) {
    editor.graph.initializers.set(layer.weightName, tensor);
    return;
  }
  const name = editor.addInitializer(layer.weightName, tensor);
  editor.change(layer.node, (node) => {
    node.inputs[1] = name;
  });
}

/** Multiply each element of the layer's weight by the factor of its channel. */
export function scaleWeight(
  editor: GraphEditor,
  layer: LinearLayer,
  factors: Float64Array,
  channelOf: (element: number) => number,
): void {
  setWeight(editor, layer, scaledWeight(layer, factors, channelOf));
}

/**
 * The layer's weight with each element multiplied by the factor of its channel.
 *
 * @param channelOf - the channel of each element, row-major
 */
export function scaledWeight(
  layer: LinearLayer,
  factors: Float64Array,
  channelOf: (element: number) => number,
): Tensor {
  const { dataType, dims } = layer.weight;
  const weights = floatsOf(layer.weight);
  // A loop: from() with a function gathers its results as objects first, 0.1 µs an element.
  const scaled = new Float64Array(weights.length);
  for (let i = 0; i < scaled.length; i++) scaled[i] = (weights[i] as number) * (factors[channelOf(i)] ?? 0);
  return floatTensor(dataType, dims, scaled);
}
