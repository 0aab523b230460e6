import { affineMoments, type GraphEditor } from '../graph/editor.js';
import { BIAS_INPUT, type LinearLayer } from '../graph/linear-layer.js';
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
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import { type Affine, affineNodes, affineOf, layerBehind, outputPlace } from './affine.js';
import { foldEach } from './fold-each.js';
import type { Pass } from './pass.js';
import { byOutput, scaleWeight } from './set-weight.js';

/**
 * BatchNormalization, and Add, Sub, Mul, Div of a constant with one value a channel, into the Conv, ConvTranspose, Gemm
 * or MatMul(+Add) before it. Jacob et al. 2018, §3.2: W' = W·scale, b' = b·scale + shift; for a BatchNormalization
 * scale = γ/√(σ²+ε), shift = β − μ·scale. Exporters that take it apart, Darknet and Caffe write the constants.
 *
 * - The layer's output is read by that node alone: not by another node, not from a subgraph, and it is no graph output.
 * - The weight, the bias and the parameters are constants, and no factor is infinite. A weight or bias that another node
 *   reads too is copied for a BatchNormalization; for a constant it stays, since a copy may weigh more.
 * - MatMul: for a BatchNormalization its output is known to be a matrix, so that axis 1 is the last; a constant Add
 *   between the two takes the shift, and where there is none, one takes the place of the node. An Add or Sub behind it is
 *   that one already.
 * - Gemm: beta becomes 1, and the bias has one value a column, or a full matrix where it had one.
 * - The layer takes over the name of the node's output, and keeps its id.
 */
export const affineIntoPrevious: Pass = {
  name: 'affine-into-previous',
  summary: 'BatchNormalization and channel constants fold into the layer before them',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    return foldEach(model, affineNodes(model.graph), fold);
  },
};

function fold(editor: GraphEditor, each: Node): boolean {
  const { graph, uses } = editor;
  const input = each.inputs.find((name) => name && !graph.initializers.has(name));
  if (!input || !uses.hasOneUse(input)) return false;
  const previous = uses.producer(input);
  if (previous && isOp(previous, 'Add')) return foldIntoMatMulAdd(editor, each, previous);
  const layer = layerBehind(graph, uses, input);
  const affine = layer && affineOf(graph, uses, each, outputPlace(graph, uses, layer));
  if (!layer || !affine || !mayScale(editor, layer, affine)) return false;
  if (isOp(layer.node, 'MatMul')) return foldIntoMatMul(editor, affine, layer);
  const bias = foldedBias(graph, layer, affine);
  if (!bias) return false;
  scale(editor, layer, affine);
  const wanted = layer.bias ?? `${layer.weightName}_bias`;
  const hasBias = layer.bias !== undefined || affine.shift.some((shift) => shift !== 0);
  const name = hasBias
    ? editor.addInitializer(wanted, floatTensor(layer.weight.dataType, bias.dims, bias.values))
    : undefined;
  if (name && isOp(layer.node, 'Gemm')) layer.node.attributes.set('beta', attribute.float(1));
  takeOver(editor, layer.node, affine, BIAS_INPUT, name);
  return true;
}

/** A BatchNormalization is worth the copy of a weight that others read. */
function mayScale({ uses }: GraphEditor, layer: LinearLayer, { node, scale }: Affine): boolean {
  return isOp(node, 'BatchNormalization') || uses.hasOneUse(layer.weightName) || isOne(scale);
}

const isOne = (values: Float64Array): boolean => values.every((value) => value === 1);

function scale(editor: GraphEditor, layer: LinearLayer, affine: Affine): void {
  if (!isOne(affine.scale)) scaleWeight(editor, layer, affine.scale, byOutput);
}

/** A MatMul has no bias: what shifts it stays an Add. */
function foldIntoMatMul(editor: GraphEditor, affine: Affine, layer: LinearLayer): boolean {
  const { input, output, shift } = affine;
  if (isOne(affine.scale) && !isOp(affine.node, 'BatchNormalization')) return false;
  scale(editor, layer, affine);
  if (shift.every((value) => value === 0) && !isOp(affine.node, 'BatchNormalization')) {
    takeOver(editor, layer.node, affine, BIAS_INPUT, undefined);
    return true;
  }
  const moments = editor.momentsOf(input);
  const zero = shift.map(() => 0);
  editor.setMoments(output, affine.momentsFrom(moments));
  editor.setMoments(input, moments && affineMoments(moments, affine.scale, zero));
  const bias = editor.addInitializer(
    `${layer.weightName}_bias`,
    floatTensor(layer.weight.dataType, [shift.length], shift),
  );
  editor.replace(affine.node, node('Add', [input, bias], [output]));
  return true;
}

/** MatMul → Add(constant) → the node: the shift goes into the Add. */
function foldIntoMatMulAdd(editor: GraphEditor, each: Node, add: Node): boolean {
  const { graph, uses } = editor;
  const constantAt = add.inputs.findIndex((name) => graph.initializers.has(name));
  const product = constantAt < 0 ? undefined : inputAt(add, 1 - constantAt);
  const layer = product === undefined ? undefined : layerBehind(graph, uses, product);
  const bias = graph.initializers.get(add.inputs[constantAt] ?? '');
  if (!layer || !isOp(layer.node, 'MatMul') || !bias || !isFloatTensor(bias)) return false;
  const affine = affineOf(graph, uses, each, outputPlace(graph, uses, layer));
  if (!affine || bias.dims.length !== 1 || !mayScale(editor, layer, affine)) return false;
  const values = floatsOf(bias);
  const shifted = affine.shift.map((shift, c) => at(values, c) * (affine.scale[c] ?? 0) + shift);
  const moments = editor.momentsOf(product ?? '');
  editor.setMoments(
    product ?? '',
    moments &&
      affineMoments(
        moments,
        affine.scale,
        shifted.map(() => 0),
      ),
  );
  scale(editor, layer, affine);
  const name = editor.addInitializer(
    add.inputs[constantAt] ?? 'bias',
    floatTensor(bias.dataType, [shifted.length], shifted),
  );
  takeOver(editor, add, affine, constantAt, name);
  return true;
}

/** A bias of one element serves every channel. */
const at = (values: Float32Array, channel: number): number => values[values.length === 1 ? 0 : channel] ?? 0;

/** b' = b·scale + shift; undefined where the bias is no constant, or of a shape that does not fit. */
function foldedBias(graph: Graph, layer: LinearLayer, { scale, shift }: Affine) {
  const channels = scale.length;
  if (!layer.bias) return { dims: [channels], values: shift };
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
      folded[row * channels + c] = beta * value * (scale[c] ?? 0) + (shift[c] ?? 0);
    }
  }
  return { dims: rows > 1 ? [rows, channels] : [channels], values: folded };
}

/** The node reads its new bias, where it has one, and makes what the affine node made. */
function takeOver(
  editor: GraphEditor,
  taker: Node,
  affine: Affine,
  biasInput: number,
  bias: string | undefined,
): void {
  const moments = affine.momentsFrom(editor.momentsOf(affine.input));
  editor.setMoments(affine.input, undefined);
  editor.setMoments(affine.output, moments);
  editor.replace(affine.node);
  editor.change(taker, () => {
    if (bias !== undefined) taker.inputs[biasInput] = bias;
    taker.outputs[0] = affine.output;
  });
  editor.graph.valueInfo.delete(affine.input);
}
