import { GraphEditor } from '../graph/editor.js';
import {
  BIAS_INPUT,
  inputChannelOf,
  type LinearLayer,
  linearLayerOf,
  outputChannelOf,
} from '../graph/linear-layer.js';
import {
  attribute,
  floatAttribute,
  type Graph,
  intAttribute,
  intsAttribute,
  isOp,
  type Model,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import { type BatchNorm, batchNormNodes, batchNormOf } from './batch-norm.js';
import type { Pass } from './pass.js';
import { scaleWeight } from './set-weight.js';

/**
 * BatchNormalization into the Conv or Gemm after it, where that is exact: W'[m, c] = W[m, c]·scale[c],
 * b'[m] = b[m] + Σ W[m, c, …]·shift[c].
 *
 * - The layer is the only reader, and reads it as its activation (input 0); weight and bias are constants.
 * - Conv: without padding, or with a shift of 0: a padded zero is no shifted zero, so the border would differ.
 * - Gemm: not with transA, where the channels would be rows; alpha scales the shift too.
 * - MatMul has no bias to take the shift, and ConvTranspose meets fewer inputs at its border: left alone.
 */
export const batchNormIntoNext: Pass = {
  name: 'batch-norm-into-next',
  summary: 'BatchNormalization folds into the layer after it, where exact',
  run(model: Model): number {
    const { graph } = model;
    let folded = 0;
    const nodes = batchNormNodes(graph);
    if (nodes.length === 0) return 0;
    const editor = new GraphEditor(graph);
    for (const node of nodes) {
      const bn = batchNormOf(graph, editor.uses, node);
      if (!bn || !fold(editor, bn)) continue;
      folded++;
    }
    return folded;
  },
};

function fold(editor: GraphEditor, bn: BatchNorm): boolean {
  const { graph, uses } = editor;
  const [use] = uses.readers(bn.output);
  if (use?.index !== 0 || !uses.hasOneUse(bn.output)) return false;
  const layer = linearLayerOf(graph, use.node);
  if (!layer || layer.inputChannels !== bn.scale.length || !isExact(layer, bn)) return false;
  const bias = shiftedBias(graph, layer, bn);
  if (!bias) return false;

  scaleWeight(editor, layer, bn.scale, inputChannelOf(layer));
  const tensor = floatTensor(layer.tensor.dataType, [bias.length], bias);
  const name = editor.addInitializer(layer.bias ?? `${layer.weight}_bias`, tensor);
  editor.change(layer.node, ({ inputs }) => {
    inputs[0] = bn.input;
    inputs[BIAS_INPUT] = name;
  });
  if (isOp(layer.node, 'Gemm')) layer.node.attributes.set('beta', attribute.float(1));
  graph.valueInfo.delete(bn.output);
  editor.replace(bn.node);
  return true;
}

function isExact(layer: LinearLayer, bn: BatchNorm): boolean {
  const { node } = layer;
  if (isOp(node, 'Gemm')) return intAttribute(node, 'transA', 0) === 0;
  if (!isOp(node, 'Conv')) return false;
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET');
  const padded =
    autoPad.startsWith('SAME') ||
    (autoPad === 'NOTSET' && (intsAttribute(node, 'pads') ?? []).some((pad) => pad !== 0));
  return !padded || bn.shift.every((shift) => shift === 0);
}

function shiftedBias(graph: Graph, layer: LinearLayer, bn: BatchNorm): Float64Array | undefined {
  const bias = new Float64Array(layer.outputChannels);
  const alpha = isOp(layer.node, 'Gemm') ? floatAttribute(layer.node, 'alpha', 1) : 1;
  const beta = isOp(layer.node, 'Gemm') ? floatAttribute(layer.node, 'beta', 1) : 1;
  if (layer.bias) {
    const tensor = graph.initializers.get(layer.bias);
    if (!tensor || !isFloatTensor(tensor)) return undefined;
    const values = floatsOf(tensor);
    // A column of biases, one a row of the output, broadcasts the other way.
    const perChannel = values.length === bias.length && tensor.dims.at(-1) === bias.length;
    if (!perChannel && values.length !== 1) return undefined;
    bias.forEach((_, m) => {
      bias[m] = beta * (values[values.length === 1 ? 0 : m] ?? 0);
    });
  }
  const inputOf = inputChannelOf(layer);
  const outputOf = outputChannelOf(layer);
  floatsOf(layer.tensor).forEach((w, i) => {
    const m = outputOf(i);
    bias[m] = (bias[m] ?? 0) + alpha * w * (bn.shift[inputOf(i)] ?? 0);
  });
  return bias;
}
