import type { GraphEditor } from '../graph/editor.js';
import { type LinearLayer, linearLayerOf } from '../graph/linear-layer.js';
import { type Graph, inputAt, intAttribute, isOp, type Node, stringAttribute } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { floatsOf, integersOf, isFloatTensor } from '../graph/tensor.js';

/** A layer that reads the channels, each of them `repeat` times in a row where a Flatten has joined them with places. */
export interface Reader {
  readonly layer: LinearLayer;
  readonly repeat: number;
}

/** A value whose channels can be divided by factors that the layers behind it multiply their weights with. */
export interface ChannelGroup {
  /** What the maker gives. */
  readonly value: string;
  readonly channels: number;
  readonly readers: readonly Reader[];
  /** The value, and all that it becomes on the way to the readers. */
  readonly values: readonly string[];
}

/** Where the channels of a value are: axis 1, the last, or, of a matrix, both. */
type Axis = 'second' | 'last' | 'both';

/** f(x·s) = f(x)·s for s > 0, whichever way the channels lie. */
const homogeneous = ['Relu', 'LeakyRelu', 'Identity', 'Dropout'];

/** The same, over places of one channel: it must be axis 1. */
const spatial = ['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'];

/**
 * Follow a value to the layers that read it.
 *
 * - All that reads it is a linear layer, as its activation, or a positively homogeneous operator whose readers are so in
 *   turn; nothing of it is a graph output or captured by a subgraph.
 * - A Pad pads zeros; a Flatten keeps axis 1 apart and makes a matrix.
 * - A weight has one reader alone, or its readers are all of this group.
 *
 * @param axis - where the channels of the value are
 * @returns undefined where the factors could not reach all that reads the value
 */
export function channelGroup(
  editor: GraphEditor,
  value: string,
  channels: number,
  axis: Axis,
): ChannelGroup | undefined {
  const readers: Reader[] = [];
  const values: string[] = [];
  if (!follow(editor, { value, axis, repeat: 1, channels }, readers, values)) return undefined;
  const nodes = new Set(readers.map(({ layer }) => layer.node));
  const { uses } = editor;
  const areOwn = readers.every(
    ({ layer: { weightName } }) =>
      !uses.isCaptured(weightName) &&
      !uses.isOutput(weightName) &&
      uses.readers(weightName).every(({ node, index }) => nodes.has(node) && index === 1),
  );
  return areOwn && readers.length > 0 ? { value, channels, readers, values } : undefined;
}

interface Place {
  readonly value: string;
  readonly axis: Axis;
  /** How many entries in a row belong to one channel. */
  readonly repeat: number;
  readonly channels: number;
}

function follow(editor: GraphEditor, place: Place, readers: Reader[], values: string[]): boolean {
  const { graph, uses } = editor;
  const { value } = place;
  if (uses.isOutput(value) || uses.isCaptured(value)) return false;
  values.push(value);
  return uses.readers(value).every(({ node, index }) => {
    if (index !== 0 || node.outputs.filter((output) => output && !uses.isUnused(output)).length > 1)
      return false;
    const layer = linearLayerOf(graph, node);
    if (layer) {
      readers.push({ layer, repeat: place.repeat });
      return reads(graph, editor, layer, place);
    }
    const next = through(graph, editor, node, place);
    return next !== undefined && follow(editor, next, readers, values);
  });
}

/** Whether the layer sums over the axis that the channels lie along. */
function reads(graph: Graph, { uses }: GraphEditor, layer: LinearLayer, place: Place): boolean {
  const { node } = layer;
  if (layer.inputChannels !== place.channels * place.repeat) return false;
  if (isOp(node, 'Conv', 'ConvTranspose')) return place.axis === 'second';
  if (isOp(node, 'Gemm')) return place.axis !== 'second' && intAttribute(node, 'transA', 0) === 0;
  return place.axis !== 'second' || rankOf(graph, uses, place.value) === 2;
}

/** The value behind an operator that leaves the factors apart; undefined where it does not. */
function through(graph: Graph, editor: GraphEditor, node: Node, place: Place): Place | undefined {
  const [value] = node.outputs;
  if (!value) return undefined;
  if (isOp(node, ...homogeneous)) return { ...place, value };
  if (place.axis !== 'second') return undefined;
  if (isOp(node, ...spatial) || (isOp(node, 'Pad') && padsZeros(graph, node))) return { ...place, value };
  if (isOp(node, 'Flatten') && intAttribute(node, 'axis', 1) === 1) {
    const repeat = flatWidth(graph, editor, value, place.channels);
    return repeat === undefined ? undefined : { ...place, value, axis: 'both', repeat };
  }
  return undefined;
}

function padsZeros(graph: Graph, node: Node): boolean {
  const [pads, value] = [inputAt(node, 1), inputAt(node, 2)].map((name) =>
    graph.initializers.get(name ?? ''),
  );
  if (!pads || inputAt(node, 3) || stringAttribute(node, 'mode', 'constant') !== 'constant') return false;
  if (inputAt(node, 2) && (!value || !isFloatTensor(value) || floatsOf(value)[0] !== 0)) return false;
  const sizes = integersOf(pads);
  return sizes[1] === 0 && sizes[sizes.length / 2 + 1] === 0;
}

/** Places of a channel that a Flatten has put in a row, by the layers that read them: no shape need be stated. */
function flatWidth(graph: Graph, { uses }: GraphEditor, value: string, channels: number): number | undefined {
  const widths = new Set(
    uses
      .readers(value)
      .map(({ node }) => (linearLayerOf(graph, node)?.inputChannels ?? Number.NaN) / channels),
  );
  const [width = Number.NaN] = widths;
  return widths.size === 1 && Number.isInteger(width) ? width : undefined;
}
