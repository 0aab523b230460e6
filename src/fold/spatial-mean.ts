import type { GraphEditor } from '../graph/editor.js';
import { isKnownFloat } from '../graph/float-values.js';
import {
  attribute,
  type Graph,
  inputAt,
  intAttribute,
  intsAttribute,
  isOp,
  type Model,
  type Node,
  node,
} from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { integersOf } from '../graph/tensor.js';
import { foldEach } from './fold-each.js';
import type { Pass } from './pass.js';

/**
 * ReduceMean over all places of a channel becomes GlobalAveragePool, which has an integer kernel.
 *
 * - The rank is known, 3 or more, the value is known to hold floats, and the axes are all but the first two; behind a
 *   Transpose that puts the channels last, all but the first and the last.
 * - Without keepdims a Flatten takes the axes away. The last node takes over the output's name.
 */
export const spatialMean: Pass = {
  name: 'spatial-mean',
  summary: 'ReduceMean over all places becomes GlobalAveragePool',
  needs: ['constants are initializers', 'no identities'],
  ensures: [],
  run(model: Model): number {
    const means = model.graph.nodes.filter((each) => isOp(each, 'ReduceMean'));
    return foldEach(model, means, rewrite);
  },
};

function rewrite(editor: GraphEditor, mean: Node): boolean {
  const { graph, uses } = editor;
  const input = inputAt(mean, 0);
  const [output] = mean.outputs;
  if (!input || !output || !isKnownFloat(graph, uses, input)) return false;
  const rank = rankOf(graph, uses, input);
  const axes = axesOf(graph, mean);
  if (rank === undefined || rank < 3 || !axes || axes.length !== rank - 2) return false;
  const sorted = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  const isFrom = (first: number) => sorted.every((axis, i) => axis === first + i);
  const transpose = uses.producer(input);
  const isLast = transpose !== undefined && putsChannelsLast(transpose, rank);
  const source = isFrom(2) ? input : isFrom(1) && isLast ? inputAt(transpose, 0) : undefined;
  if (source === undefined) return false;

  const keeps = intAttribute(mean, 'keepdims', 1) !== 0;
  const isMoved = source !== input;
  if (keeps && !isMoved) {
    editor.replace(mean, { ...node('GlobalAveragePool', [source], [output]), id: mean.id, name: mean.name });
    return true;
  }
  const pooled = editor.fresh(`${output}_pooled`);
  const pool = node('GlobalAveragePool', [source], [pooled]);
  const last = keeps
    ? node('Transpose', [pooled], [output], { perm: attribute.ints(channelsLast(rank)) })
    : node('Flatten', [pooled], [output], { axis: attribute.int(1) });
  editor.replace(mean, pool, last);
  return true;
}

/** The axes, where they are constants; undefined where they are computed, or left out. */
function axesOf(graph: Graph, mean: Node): number[] | undefined {
  const stated = intsAttribute(mean, 'axes');
  if (stated) return stated;
  const tensor = graph.initializers.get(inputAt(mean, 1) ?? '');
  return tensor && integersOf(tensor);
}

/** [N, C, …] → [N, …, C]. */
const channelsLast = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

function putsChannelsLast(transpose: Node, rank: number): boolean {
  const perm = isOp(transpose, 'Transpose') ? intsAttribute(transpose, 'perm') : undefined;
  const wanted = channelsLast(rank);
  return perm?.length === rank && perm.every((axis, i) => axis === wanted[i]);
}
