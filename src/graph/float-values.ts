import { linearLayerOf } from './linear-layer.js';
import { type Graph, inputAt, isOp } from './model.js';
import { isFloatTensor } from './tensor.js';
import type { Uses } from './uses.js';

/** Operators whose output has the type of their first input. */
const typeKeepers = [
  ...['Relu', 'Clip', 'LeakyRelu', 'PRelu', 'Elu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Softmax'],
  ...['Add', 'Sub', 'Mul', 'Div', 'Concat', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'],
  ...[
    'BatchNormalization',
    'LayerNormalization',
    'Transpose',
    'Reshape',
    'Pad',
    'Slice',
    'Resize',
    'Identity',
  ],
];

const floatTypes: ReadonlySet<string | undefined> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** Whether a value is known to hold floats: the graph states it, or an operator before it fixes it. */
export function isKnownFloat(graph: Graph, uses: Uses, value: string): boolean {
  let at: string | undefined = value;
  // As many steps as there are nodes: a broken graph may run in a circle.
  for (let steps = graph.nodes.length; at !== undefined && steps >= 0; steps--) {
    const name: string = at;
    const tensor = graph.initializers.get(name);
    if (tensor) return isFloatTensor(tensor);
    const stated =
      graph.inputs.find((input) => input.name === name)?.dataType ??
      graph.valueInfo.get(name)?.dataType ??
      graph.outputs.find((output) => output.name === name)?.dataType;
    if (stated) return floatTypes.has(stated);
    const node = uses.producer(name);
    if (!node) return false;
    if (linearLayerOf(graph, node)) return true;
    at = isOp(node, ...typeKeepers) && node.outputs[0] === name ? inputAt(node, 0) : undefined;
  }
  return false;
}
