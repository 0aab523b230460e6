import { GraphEditor } from '../graph/editor.js';
import { eachKernel, linearLayerOf } from '../graph/linear-layer.js';
import { isOp, type Model, node } from '../graph/model.js';
import { floatsOf, floatTensor } from '../graph/tensor.js';
import { type ChannelGroup, channelGroup } from './channel-group.js';
import { sharedRangeDb } from './channel-resolution.js';
import type { FoldContext, Pass } from './pass.js';
import { byInput, scaledWeight } from './set-weight.js';

/** Columns that share a range so badly, if each counts alike, are three and a half decades apart: no picture is so. */
const HOPELESS_DB = -30;

/** Factors beyond these are of a broken column, and float32 ends soon. */
const LARGEST_FACTOR = 2 ** 40;

/**
 * A model whose input holds columns in their own units, their normalization being folded into the first layer before it
 * came: a Mul by a factor for each column evens them out, in float, and the layer's weights are divided by the same. The
 * function stays as it is, to the bit: factors are powers of two.
 *
 * - All that reads the input are layers, as in `channel-group.ts`, and it is float32.
 * - The weights tell: a column is as small as the weights that read it are large.
 */
export const inputScale: Pass = {
  name: 'input-scale',
  summary: 'columns of an input that are decades apart are scaled before the first layer',
  needs: ['constants are initializers', 'no identities', 'factors of Gemm are 1'],
  ensures: [],
  run(model: Model, { form }: FoldContext): number {
    if (form.smooth === 'off') return 0;
    const { graph } = model;
    let scaled = 0;
    for (const { name, dataType } of graph.inputs) {
      if (dataType !== 'float32' || graph.initializers.has(name)) continue;
      const editor = new GraphEditor(model);
      const group = groupOf(editor, name);
      const factors = group && factorsOf(group);
      if (!factors) continue;
      scale(editor, group, factors);
      scaled++;
    }
    return scaled;
  },
};

function groupOf(editor: GraphEditor, name: string): ChannelGroup | undefined {
  const [use] = editor.uses.readers(name);
  const layer = use && use.index === 0 ? linearLayerOf(editor.graph, use.node) : undefined;
  if (!layer) return undefined;
  const axis = isOp(layer.node, 'Gemm', 'MatMul') ? 'last' : 'second';
  return channelGroup(editor, name, layer.inputChannels, axis);
}

/** A factor for each channel, the norm of the weights that read it; undefined where one range can hold them as they are. */
function factorsOf({ readers, channels }: ChannelGroup): Float64Array | undefined {
  const squares = new Float64Array(channels);
  for (const { layer, repeat } of readers) {
    const weights = floatsOf(layer.weight);
    eachKernel(layer, (_, input, from, to) => {
      const c = Math.floor(input / repeat);
      let sum = squares[c] as number;
      for (let i = from; i < to; i++) sum += (weights[i] as number) ** 2;
      squares[c] = sum;
    });
  }
  const norms = squares.map(Math.sqrt);
  const alive = norms.filter((norm) => norm > 0).sort();
  const [least] = alive;
  const middle = alive[Math.floor(alive.length / 2)];
  if (least === undefined || middle === undefined) return undefined;
  const sizes = Float32Array.from(norms, (norm) => (norm > 0 ? 1 / norm : 0));
  const db = sharedRangeDb({ beta: new Float32Array(channels), gamma: sizes }, (c) => norms[c] as number);
  // What no weight reads must not widen the range either.
  if (db >= HOPELESS_DB) return undefined;
  const factors = norms.map((norm) => 2 ** Math.round(Math.log2(Math.max(norm, least) / middle)));
  return factors.every((factor) => factor <= LARGEST_FACTOR && factor >= 1 / LARGEST_FACTOR)
    ? factors
    : undefined;
}

function scale(editor: GraphEditor, { value, readers, channels }: ChannelGroup, factors: Float64Array): void {
  const { graph } = editor;
  const inverse = factors.map((factor) => 1 / factor);
  for (const { layer, repeat } of readers) {
    const now = linearLayerOf(graph, layer.node) ?? layer;
    if (now.weightName !== layer.weightName || now.weight !== layer.weight) continue;
    graph.initializers.set(layer.weightName, scaledWeight(layer, inverse, byInput(repeat)));
  }
  const dims = dimsOf(value, readers, channels);
  const name = editor.addInitializer(`${value}_factors`, floatTensor('float32', dims, factors));
  const evened = editor.fresh(`${value}_evened`);
  editor.replaceReads(value, evened);
  graph.nodes.unshift(node('Mul', [value, name], [evened]));
}

/** Factors along axis 1 of what a Conv reads, along the last axis otherwise. */
function dimsOf(value: string, readers: ChannelGroup['readers'], channels: number): number[] {
  const layer = readers.find(({ layer: { node: each } }) => each.inputs[0] === value)?.layer;
  const isConv = layer !== undefined && isOp(layer.node, 'Conv', 'ConvTranspose');
  const places = isConv ? layer.weight.dims.length - 2 : 0;
  return [channels, ...Array.from({ length: places }, () => 1)];
}
