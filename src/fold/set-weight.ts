import type { GraphEditor } from '../graph/editor.js';
import { eachKernel, type LinearLayer } from '../graph/linear-layer.js';
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
  channelOf: ChannelOfKernel,
): void {
  setWeight(editor, layer, scaledWeight(layer, factors, channelOf));
}

/** The channel whose factor a kernel is multiplied by, of the output and the input channel that it joins. */
export type ChannelOfKernel = (output: number, input: number) => number;

/** The factor of the output channel. */
export const byOutput: ChannelOfKernel = (output) => output;

/**
 * The factor of the input channel.
 *
 * @param repeat - inputs in a row that have one factor
 */
export const byInput =
  (repeat = 1): ChannelOfKernel =>
  (_, input) =>
    Math.floor(input / repeat);

/** The layer's weight with each element multiplied by the factor of its channel. */
export function scaledWeight(layer: LinearLayer, factors: Float64Array, channelOf: ChannelOfKernel): Tensor {
  const { dataType, dims } = layer.weight;
  const weights = floatsOf(layer.weight);
  const scaled = new Float64Array(weights.length);
  eachKernel(layer, (output, input, from, to) => {
    const factor = factors[channelOf(output, input)] ?? 0;
    for (let i = from; i < to; i++) scaled[i] = (weights[i] as number) * factor;
  });
  return floatTensor(dataType, dims, scaled);
}
