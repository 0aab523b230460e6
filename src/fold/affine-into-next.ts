import type { GraphEditor } from '../graph/editor.js';
import { BIAS_INPUT, eachKernel, type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import {
  attribute,
  floatAttribute,
  type Graph,
  intAttribute,
  intsAttribute,
  isOp,
  type Model,
  type Node,
  node,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import { type Affine, affineNodes, affineOf, inputPlace } from './affine.js';
import { losesChannels } from './channel-resolution.js';
import { foldEach } from './fold-each.js';
import type { Pass } from './pass.js';
import { byInput, scaleWeight } from './set-weight.js';

/**
 * BatchNormalization, and Add, Sub, Mul, Div of a constant with one value a channel, into the layer after it, where that
 * is exact: W'[m, c] = W[m, c]·scale[c], b'[m] = b[m] + Σ W[m, c, …]·shift[c].
 *
 * - The layer is the only reader, and reads it as its activation (input 0); weight and bias are constants. A weight that
 *   another node reads too is copied for a BatchNormalization alone.
 * - Conv: without padding, or with a shift of 0: a padded zero is no shifted zero, so the border would differ.
 * - Gemm: not with transA, where the channels would be rows; alpha scales the shift too.
 * - MatMul has no bias: an Add behind it takes the shift. ConvTranspose meets fewer inputs at its border: with a shift of 0
 *   alone.
 * - Not where the channels before it are of such different sizes that one range for all of them would lose the small
 *   ones (`channel-resolution.ts`): columns of a table in their own units, say. What a Tanh or the like makes is alike.
 * - Not a shift alone of what the model is given: a temperature in kelvins, less 273, has a range of its own.
 */
export const affineIntoNext: Pass = {
  name: 'affine-into-next',
  summary: 'BatchNormalization and channel constants fold into the layer after them, where exact',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    // From the last on: what stands before another folds behind it.
    const judged = new Set<Node>();
    return foldEach(model, affineNodes(model.graph).reverse(), (editor, each) => fold(editor, each, judged));
  },
};

/** @param judged - nodes whose range was judged together with what has folded behind them */
function fold(editor: GraphEditor, each: Node, judged: Set<Node>): boolean {
  const { graph, uses } = editor;
  const [output = ''] = each.outputs;
  const [use] = uses.readers(output);
  if (use?.index !== 0 || !uses.hasOneUse(output)) return false;
  const layer = linearLayerOf(graph, use.node);
  const affine = layer && affineOf(graph, uses, each, inputPlace(graph, uses, layer));
  if (!layer || !affine || !isExact(layer, affine)) return false;
  // What centres channels that a factor before it has made alike centres their range too.
  const before = uses.hasOneUse(affine.input) ? uses.producer(affine.input) : undefined;
  const first = before && affineOf(graph, uses, before, inputPlace(graph, uses, layer));
  if (!isBounded(uses, first?.input ?? affine.input)) {
    if (losesChannels(affine) || (first && losesChannels(first))) return false;
    if (isShift(affine) && isFed(editor, affine.input) && !judged.has(each)) return false;
    if (first && isShift(first) && isFed(editor, first.input)) {
      if (losesChannels(joined(first, affine))) return false;
      judged.add(first.node);
    }
  }
  const isNorm = isOp(each, 'BatchNormalization');
  if (!isNorm && !uses.hasOneUse(layer.weightName)) return false;
  const hasShift = isNorm || affine.shift.some((shift) => shift !== 0);
  const bias = hasShift ? shiftedBias(graph, layer, affine) : undefined;
  if (hasShift && !bias) return false;

  scaleWeight(editor, layer, affine.scale, byInput());
  const wanted = layer.bias ?? `${layer.weightName}_bias`;
  const isProduct = isOp(layer.node, 'MatMul');
  const name =
    bias && !isProduct
      ? editor.addInitializer(wanted, floatTensor(layer.weight.dataType, [bias.length], bias))
      : undefined;
  editor.change(layer.node, ({ inputs }) => {
    inputs[0] = affine.input;
    if (name) inputs[BIAS_INPUT] = name;
  });
  if (bias && isProduct) addBehind(editor, layer.node, bias, wanted);
  if (name && isOp(layer.node, 'Gemm')) layer.node.attributes.set('beta', attribute.float(1));
  graph.valueInfo.delete(affine.output);
  editor.setMoments(affine.output, undefined);
  editor.replace(affine.node);
  return true;
}

/** MatMul → Add(shift): the Add of a bias takes the shift, too, or a new one takes over the name of the product. */
function addBehind(editor: GraphEditor, product: Node, shift: Float64Array, wanted: string): void {
  const { graph, uses } = editor;
  const [output = ''] = product.outputs;
  const add = uses.hasOneUse(output) ? uses.readers(output)[0]?.node : undefined;
  const at = add && isOp(add, 'Add') ? add.inputs.findIndex((name) => name !== output) : -1;
  const bias = graph.initializers.get(add?.inputs[at] ?? '');
  const hasBias = bias?.dataType === 'float32' && bias.dims.join() === String(shift.length);
  const values = hasBias ? floatsOf(bias).map((value, m) => value + (shift[m] ?? 0)) : shift;
  const name = editor.addInitializer(wanted, floatTensor('float32', [shift.length], values));
  if (add && hasBias) {
    editor.change(add, ({ inputs }) => {
      inputs[at] = name;
    });
    return;
  }
  const own = editor.fresh(`${output}_product`);
  editor.change(product, ({ outputs }) => {
    outputs[0] = own;
  });
  const sum = node('Add', [own, name], [output]);
  editor.replace(product, product, { ...sum, id: editor.fresh(`${output}_shift`) });
}

/** Functions whose results all lie between −1 and 1, whatever stands before them: no channel is far from another. */
const bounded = ['Cos', 'Erf', 'HardSigmoid', 'Sigmoid', 'Sin', 'Softmax', 'Softsign', 'Tanh'] as const;

function isBounded(uses: Uses, value: string): boolean {
  const maker = uses.producer(value);
  return maker !== undefined && isOp(maker, ...bounded);
}

const isShift = ({ scale }: Affine): boolean => scale.every((value) => value === 1);

/** Whether a value is what the model is given, of which nothing is known. */
const isFed = ({ graph, uses }: GraphEditor, value: string): boolean =>
  uses.producer(value) === undefined && graph.inputs.some(({ name }) => name === value);

/** A shift and what stands behind it as one. */
const joined = (shift: Affine, behind: Affine): Affine => ({
  ...behind,
  shift: behind.shift.map((value, c) => value + (shift.shift[c] ?? 0) * (behind.scale[c] ?? 0)),
});

function isExact({ node }: LinearLayer, { node: each, shift }: Affine): boolean {
  if (isOp(node, 'Gemm')) return intAttribute(node, 'transA', 0) === 0;
  if (isOp(node, 'MatMul')) return true;
  const isScale = shift.every((value) => value === 0);
  // A shift of 0 by chance still leaves a bias behind.
  if (!isOp(node, 'Conv')) return isScale && !isOp(each, 'BatchNormalization');
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET');
  const padded =
    autoPad.startsWith('SAME') ||
    (autoPad === 'NOTSET' && (intsAttribute(node, 'pads') ?? []).some((pad) => pad !== 0));
  return !padded || isScale;
}

function shiftedBias(graph: Graph, layer: LinearLayer, { shift }: Affine): Float64Array | undefined {
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
  const weights = floatsOf(layer.weight);
  eachKernel(layer, (output, input, from, to) => {
    const by = shift[input] ?? 0;
    let sum = bias[output] ?? 0;
    for (let i = from; i < to; i++) sum += alpha * (weights[i] as number) * by;
    bias[output] = sum;
  });
  return bias;
}
