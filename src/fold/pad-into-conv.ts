import type { GraphEditor } from '../graph/editor.js';
import {
  attribute,
  type Graph,
  inputAt,
  intsAttribute,
  isOp,
  type Model,
  type Node,
  stringAttribute,
} from '../graph/model.js';
import { floatsOf, integersOf, isFloatTensor } from '../graph/tensor.js';
import { foldEach } from './fold-each.js';
import type { Pass } from './pass.js';

/**
 * A Pad with zeros goes into the pads of the Conv after it.
 *
 * - Mode constant with the value 0; pads are constants, none negative, none on the batch or the channels; no axes.
 * - All that reads it are Convs, as their activation, with pads of their own or none: not with auto_pad SAME, which
 *   depends on the size.
 */
export const padIntoConv: Pass = {
  name: 'pad-into-conv',
  summary: 'zero padding goes into the Conv after it',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    const pads = model.graph.nodes.filter((each) => isOp(each, 'Pad'));
    return foldEach(model, pads, fold);
  },
};

function fold(editor: GraphEditor, pad: Node): boolean {
  const { graph, uses } = editor;
  const input = inputAt(pad, 0);
  const [output = ''] = pad.outputs;
  const added = zeroPads(graph, pad);
  const readers = uses.readers(output);
  if (!input || !added || readers.length === 0 || uses.isCaptured(output) || uses.isOutput(output))
    return false;
  if (!readers.every(({ node, index }) => index === 0 && takes(graph, node, added.length / 2))) return false;
  for (const { node } of [...readers]) {
    const own = intsAttribute(node, 'pads') ?? added.map(() => 0);
    node.attributes.delete('auto_pad');
    node.attributes.set('pads', attribute.ints(added.map((size, i) => size + (own[i] ?? 0))));
  }
  editor.replaceReads(output, input);
  editor.replace(pad);
  graph.valueInfo.delete(output);
  return true;
}

function takes(graph: Graph, node: Node, axes: number): boolean {
  const rank = graph.initializers.get(node.inputs[1] ?? '')?.dims.length;
  const autoPad = stringAttribute(node, 'auto_pad', 'NOTSET');
  return isOp(node, 'Conv') && rank === axes + 2 && (autoPad === 'NOTSET' || autoPad === 'VALID');
}

/** What a Pad of zeros adds at the begin and then at the end of each spatial axis; undefined where it is none. */
function zeroPads(graph: Graph, pad: Node): number[] | undefined {
  const pads = graph.initializers.get(inputAt(pad, 1) ?? '');
  const value = inputAt(pad, 2);
  if (!pads || inputAt(pad, 3) || stringAttribute(pad, 'mode', 'constant') !== 'constant') return undefined;
  if (value !== undefined) {
    const tensor = graph.initializers.get(value);
    if (!tensor || !isFloatTensor(tensor) || floatsOf(tensor)[0] !== 0) return undefined;
  }
  const sizes = integersOf(pads);
  const rank = sizes.length / 2;
  const outer = [0, 1, rank, rank + 1];
  const isPlain = rank >= 3 && sizes.every((size, i) => (outer.includes(i) ? size === 0 : size >= 0));
  return isPlain ? sizes.filter((_, i) => !outer.includes(i)) : undefined;
}
