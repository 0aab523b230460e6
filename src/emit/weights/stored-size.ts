import type { Graph } from '../../graph/model.js';
import { encodeModel } from '../../proto/encode.js';
import type { BlockTensor, QuantizedTensor } from '../../quantize/quantized-tensor.js';
import { Constants } from '../constants.js';
import { EmittedNames } from '../emitted-names.js';
import { blockBytes } from './blocks.js';
import type { StorageTarget } from './form.js';
import { formFor } from './forms.js';

/**
 * Bytes that a weight takes in the file: its constants, and the nodes that unpack them. Tables that weights share are
 * there already.
 */
export function storedSize(weight: QuantizedTensor | BlockTensor, target: StorageTarget): number {
  if (weight.kind === 'blocks') return blockBytes(weight);
  return storedSizes(weight, target).own;
}

/** The same, and what the tables take that it shares with others of its kind. */
export function storedSizes(weight: QuantizedTensor, target: StorageTarget): { own: number; shared: number } {
  const graph: Graph = {
    ...{ nodes: [], initializers: new Map(), inputs: [], outputs: [], valueInfo: new Map() },
  };
  const constants = new Constants(graph, new EmittedNames(graph));
  const size = () => {
    const output = constants.names.fresh(`${NAME}_q`);
    graph.nodes.push(...formFor(weight, target).emit(weight, NAME, output, constants));
    const { opset, irVersion } = target;
    const model = { irVersion, opsets: new Map([['', opset]]), graph, metadata: new Map() };
    return encodeModel({ ...model, batchNorms: new Map() }).byteLength;
  };
  // The first of its kind brings the shared tables, the second only itself.
  const first = size();
  const own = size() - first;
  return { own, shared: Math.max(0, first - own) };
}

/** As long as the names that emission gives to the parts of a weight. */
const NAME = 'v12';
