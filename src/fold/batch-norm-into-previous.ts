import { GraphEditor } from '../graph/editor.js';
import { BIAS_INPUT, type LinearLayer, linearLayerOf, outputChannelOf } from '../graph/linear-layer.js';
import {
  attribute,
  floatAttribute,
  type Graph,
  inputAt,
  isOp,
  type Model,
  type Node,
  node,
} from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import { type BatchNorm, batchNormNodes, batchNormOf } from './batch-norm.js';
import type { Pass } from './pass.js';
import { scaleWeight } from './set-weight.js';

/**
 * BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul(+Add) before it.
 * Jacob et al. 2018, §3.2: W' = W·γ/√(σ²+ε), b' = (b−μ)·γ/√(σ²+ε) + β.
 *
 * - The layer's output is read by the BatchNormalization alone: not by another node, not from a subgraph, and it is no
 *   graph output.
 * - The weight, the bias and the four parameters are constants. A weight or bias that another node reads too is copied.
 * - MatMul: its output is known to be a matrix, so that axis 1 is the last; a constant Add between the two takes the
 *   shift, and where there is none, one takes the place of the BatchNormalization.
 * - Gemm: beta becomes 1, and the bias has one value a column, or a full matrix where it had one.
 * - The layer takes over the name of the BatchNormalization's output, and keeps its id.
 */
export const batchNormIntoPrevious: Pass = {
  name: 'batch-norm-into-previous',
  summary: 'BatchNormalization folds into the layer before it',
  run(model: Model): number {
    const { graph } = model;
    let folded = 0;
    const nodes = batchNormNodes(graph);
    if (nodes.length === 0) return 0;
    const editor = new GraphEditor(graph);
    for (const bn of nodes) {
      const found = batchNormOf(graph, editor.uses, bn);
      if (!found || !fold(editor, found)) continue;
      model.batchNorms.set(found.output, found.moments);
      folded++;
    }
    return folded;
  },
};

function fold(editor: GraphEditor, bn: BatchNorm): boolean {
  const { graph, uses } = editor;
  const previous = uses.producer(bn.input);
  if (!previous || !uses.hasOneUse(bn.input)) return false;
  if (isOp(previous, 'Add')) return foldIntoMatMulAdd(editor, bn, previous);
  const layer = linearLayerOf(graph, previous);
  if (!layer || layer.outputChannels !== bn.scale.length) return false;
  if (isOp(previous, 'MatMul')) {
    if (rankOf(graph, uses, bn.input) !== 2) return false;
    scaleWeight(editor, layer, bn.scale, outputChannelOf(layer));
    const bias = editor.addInitializer(
      `${layer.weight}_bias`,
      floatTensor(layer.tensor.dataType, [bn.shift.length], bn.shift),
    );
    const add = node('Add', [bn.input, bias], [bn.output]);
    editor.replace(bn.node, add);
    return true;
  }
  const bias = foldedBias(graph, layer, bn);
  if (!bias) return false;
  scaleWeight(editor, layer, bn.scale, outputChannelOf(layer));
  const wanted = layer.bias ?? `${layer.weight}_bias`;
  const name = editor.addInitializer(wanted, floatTensor(layer.tensor.dataType, bias.dims, bias.values));
  if (isOp(previous, 'Gemm')) previous.attributes.set('beta', attribute.float(1));
  takeOver(editor, previous, bn, BIAS_INPUT, name);
  return true;
}

/** MatMul → Add(constant) → BatchNormalization: the shift goes into the Add. */
function foldIntoMatMulAdd(editor: GraphEditor, bn: BatchNorm, add: Node): boolean {
  const { graph, uses } = editor;
  const constantAt = add.inputs.findIndex((name) => graph.initializers.has(name));
  const product = constantAt < 0 ? undefined : inputAt(add, 1 - constantAt);
  const matMul = product && uses.hasOneUse(product) ? uses.producer(product) : undefined;
  const layer = matMul && isOp(matMul, 'MatMul') ? linearLayerOf(graph, matMul) : undefined;
  const bias = graph.initializers.get(add.inputs[constantAt] ?? '');
  if (!layer || !bias || !isFloatTensor(bias) || layer.outputChannels !== bn.scale.length) return false;
  if (bias.dims.length !== 1 || rankOf(graph, uses, bn.input) !== 2) return false;
  const values = floatsOf(bias);
  const shifted = bn.shift.map((shift, c) => at(values, c) * (bn.scale[c] ?? 0) + shift);
  scaleWeight(editor, layer, bn.scale, outputChannelOf(layer));
  const name = editor.addInitializer(
    add.inputs[constantAt] ?? 'bias',
    floatTensor(bias.dataType, [shifted.length], shifted),
  );
  takeOver(editor, add, bn, constantAt, name);
  return true;
}

/** A bias of one element serves every channel. */
const at = (values: Float32Array, channel: number): number => values[values.length === 1 ? 0 : channel] ?? 0;

/** b' = b·scale + shift; undefined where the bias is no constant, or of a shape that does not fit. */
function foldedBias(graph: Graph, layer: LinearLayer, bn: BatchNorm) {
  const channels = bn.scale.length;
  if (!layer.bias) return { dims: [channels], values: bn.shift };
  const tensor = graph.initializers.get(layer.bias);
  if (!tensor || !isFloatTensor(tensor)) return undefined;
  const beta = isOp(layer.node, 'Gemm') ? floatAttribute(layer.node, 'beta', 1) : 1;
  const values = floatsOf(tensor);
  const rows = tensor.dims.length === 2 ? (tensor.dims[0] ?? 1) : 1;
  const perRow = values.length / rows;
  if (perRow !== channels && perRow !== 1) return undefined;
  const folded = new Float64Array(rows * channels);
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < channels; c++) {
      const value = values[row * perRow + (perRow === 1 ? 0 : c)] ?? 0;
      folded[row * channels + c] = beta * value * (bn.scale[c] ?? 0) + (bn.shift[c] ?? 0);
    }
  }
  return { dims: rows > 1 ? [rows, channels] : [channels], values: folded };
}

/** The node reads its new bias, and makes what the BatchNormalization made. */
function takeOver(editor: GraphEditor, taker: Node, bn: BatchNorm, biasInput: number, bias: string): void {
  editor.replace(bn.node);
  editor.change(taker, () => {
    taker.inputs[biasInput] = bias;
    taker.outputs[0] = bn.output;
  });
  editor.graph.valueInfo.delete(bn.input);
}
