import { GraphEditor } from '../graph/editor.js';
import { BIAS_INPUT, type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, isOp, type Model, type Node } from '../graph/model.js';
import { floatsOf, floatTensor, isFloatTensor } from '../graph/tensor.js';
import type { FactorRules } from './channel-factors.js';
import { channelGroup } from './channel-group.js';
import type { FoldContext, Pass } from './pass.js';
import { type Candidate, rescaleChannels } from './rescale.js';
import { byOutput, scaleWeight } from './set-weight.js';

const rules: FactorRules = { growth: 'both ways', values: 'real' };

/** Rounds over the graph: a depthwise layer shares its channels with the layer before and the one behind it. */
const ROUNDS = 2;

/**
 * Cross-layer equalization (Nagel et al. 2019, §4.1): the channels between two layers are divided by factors, W1/s and
 * b1/s before them, W2·s behind, so that one range serves all of them. The function stays as it is, within float rounding.
 *
 * - Before: a Conv, ConvTranspose, Gemm or MatMul(+Add) whose weight and bias are constants that nothing else reads.
 * - Behind and between: `channel-group.ts`. A Clip has bounds that are one for all channels, and an Add of two activations
 *   cannot be divided on one side alone: groups end there.
 * - Which factors, and whether: `channel-factors.ts`. By itself only where channels are decades apart.
 */
export const equalize: Pass = {
  name: 'equalize',
  summary: 'channels of different sizes are equalized across layers',
  needs: ['constants are initializers', 'no identities', 'factors of Gemm are 1'],
  ensures: [],
  run(model: Model, { form }: FoldContext): Promise<number> {
    const { graph } = model;
    const editor = new GraphEditor(model);
    return rescaleChannels(model, editor, form.equalize, { rules, rounds: ROUNDS }, () =>
      graph.nodes.flatMap((node): Candidate[] => {
        const layer = linearLayerOf(graph, node);
        const maker = layer && makerOf(editor, layer);
        const group = maker && channelGroup(editor, maker.value, layer.outputChannels, axisOf(node));
        return group ? [{ group, divide: (factors) => divide(editor, node, maker, factors) }] : [];
      }),
    );
  },
};

/** Where a layer's output channels are. */
const axisOf = (node: Node): 'second' | 'last' | 'both' =>
  isOp(node, 'Gemm') ? 'both' : isOp(node, 'MatMul') ? 'last' : 'second';

/** A layer, and what it gives after its bias. */
interface Maker {
  readonly value: string;
  /** The node that adds the bias, and which of its inputs it is; undefined where there is none. */
  readonly bias: { readonly node: Node; readonly index: number } | undefined;
}

function makerOf({ graph, uses }: GraphEditor, layer: LinearLayer): Maker | undefined {
  const { node, weightName, bias } = layer;
  const [value = ''] = node.outputs;
  if (!uses.hasOneUse(weightName)) return undefined;
  if (bias !== undefined) {
    const isOwn = isChannelBias(graph, bias, layer.outputChannels);
    return isOwn ? { value, bias: { node, index: BIAS_INPUT } } : undefined;
  }
  const add = isOp(node, 'MatMul') ? uses.onlyReader(value) : undefined;
  if (!add || !isOp(add, 'Add')) return { value, bias: undefined };
  const index = add.inputs.findIndex((name) => graph.initializers.has(name));
  const name = add.inputs[index] ?? '';
  if (!isChannelBias(graph, name, layer.outputChannels)) return undefined;
  return { value: add.outputs[0] ?? '', bias: { node: add, index } };
}

/** One value a channel, along the last axis: it can be divided as the channels are. */
function isChannelBias(graph: Graph, name: string, channels: number): boolean {
  const tensor = graph.initializers.get(name);
  const isRow = tensor?.dims.every((size, axis) => size === (axis === tensor.dims.length - 1 ? channels : 1));
  return tensor !== undefined && isFloatTensor(tensor) && tensor.dims.length > 0 && isRow === true;
}

function divide(editor: GraphEditor, node: Node, { bias }: Maker, factors: Float64Array): void {
  const { graph } = editor;
  const inverse = factors.map((factor) => 1 / factor);
  const layer = linearLayerOf(graph, node);
  if (layer) scaleWeight(editor, layer, inverse, byOutput);
  const own = bias?.node.inputs[bias.index] ?? '';
  const tensor = graph.initializers.get(own);
  if (!bias || !tensor) return;
  const values = Float64Array.from(floatsOf(tensor), (b, c) => b * (inverse[c] as number));
  const name = editor.addInitializer(own, floatTensor(tensor.dataType, tensor.dims, values));
  editor.change(bias.node, ({ inputs }) => {
    inputs[bias.index] = name;
  });
}
