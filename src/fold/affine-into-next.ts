import type { GraphEditor } from '../graph/editor.js';
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
  type Node,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import { type Affine, affineNodes, affineOf, inputPlace } from './affine.js';
import { losesChannels } from './channel-resolution.js';
import { foldEach } from './fold-each.js';
import type { Pass } from './pass.js';
import { scaleWeight } from './set-weight.js';

/**
 * BatchNormalization, and Add, Sub, Mul, Div of a constant with one value a channel, into the layer after it, where that
 * is exact: W'[m, c] = W[m, c]·scale[c], b'[m] = b[m] + Σ W[m, c, …]·shift[c].
 *
 * - The layer is the only reader, and reads it as its activation (input 0); weight and bias are constants. A weight that
 *   another node reads too is copied for a BatchNormalization alone.
 * - Conv: without padding, or with a shift of 0: a padded zero is no shifted zero, so the border would differ.
 * - Gemm: not with transA, where the channels would be rows; alpha scales the shift too.
 * - MatMul has no bias, and ConvTranspose meets fewer inputs at its border: with a shift of 0 alone.
 * - Not where the channels before it are of such different sizes that one range for all of them would lose the small
 *   ones (`channel-resolution.ts`): columns of a table in their own units, say.
 */
export const affineIntoNext: Pass = {
  name: 'affine-into-next',
  summary: 'BatchNormalization and channel constants fold into the layer after them, where exact',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    // From the last on: what stands before another folds behind it.
    return foldEach(model, affineNodes(model.graph).reverse(), fold);
  },
};

function fold(editor: GraphEditor, each: Node): boolean {
  const { graph, uses } = editor;
  const [output = ''] = each.outputs;
  const [use] = uses.readers(output);
  if (use?.index !== 0 || !uses.hasOneUse(output)) return false;
  const layer = linearLayerOf(graph, use.node);
  const affine = layer && affineOf(graph, uses, each, inputPlace(graph, uses, layer));
  if (!layer || !affine || !isExact(layer, affine) || losesChannels(affine)) return false;
  // What centres channels that a factor before it has made alike centres their range too.
  const before = uses.hasOneUse(affine.input) ? uses.producer(affine.input) : undefined;
  const factor = before && affineOf(graph, uses, before, inputPlace(graph, uses, layer));
  if (factor && losesChannels(factor)) return false;
  const isNorm = isOp(each, 'BatchNormalization');
  if (!isNorm && !uses.hasOneUse(layer.weightName)) return false;
  const hasShift = isNorm || affine.shift.some((shift) => shift !== 0);
  const bias = hasShift ? shiftedBias(graph, layer, affine) : undefined;
  if (hasShift && !bias) return false;

  scaleWeight(editor, layer, affine.scale, inputChannelOf(layer));
  const name =
    bias &&
    editor.addInitializer(
      layer.bias ?? `${layer.weightName}_bias`,
      floatTensor(layer.weight.dataType, [bias.length], bias),
    );
  editor.change(layer.node, ({ inputs }) => {
    inputs[0] = affine.input;
    if (name) inputs[BIAS_INPUT] = name;
  });
  if (name && isOp(layer.node, 'Gemm')) layer.node.attributes.set('beta', attribute.float(1));
  graph.valueInfo.delete(affine.output);
  editor.setMoments(affine.output, undefined);
  editor.replace(affine.node);
  return true;
}

function isExact({ node }: LinearLayer, { node: each, shift }: Affine): boolean {
  if (isOp(node, 'Gemm')) return intAttribute(node, 'transA', 0) === 0;
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
  const inputOf = inputChannelOf(layer);
  const outputOf = outputChannelOf(layer);
  floatsOf(layer.weight).forEach((w, i) => {
    const m = outputOf(i);
    bias[m] = (bias[m] ?? 0) + alpha * w * (shift[inputOf(i)] ?? 0);
  });
  return bias;
}
