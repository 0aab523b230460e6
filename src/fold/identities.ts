import { GraphEditor } from '../graph/editor.js';
import { type Graph, inputAt, isOp, type Model, type Node } from '../graph/model.js';
import { arrayOf } from '../graph/tensor.js';
import type { Uses } from '../graph/uses.js';
import type { Pass } from './pass.js';

/**
 * Identity and inference Dropout vanish.
 *
 * - y = Identity(x), y an inner value: readers of y read x.
 * - y a graph output, x made by a node and not a graph output itself: x takes y's name, outputs keep theirs.
 * - y a graph output and x a graph input, an initializer, or another graph output: the node stays.
 * - A Dropout whose mask is read, or whose training_mode is not a constant false, stays.
 */
export const identities: Pass = {
  name: 'identities',
  summary: 'Identity and inference Dropout vanish',
  needs: [],
  ensures: ['no identities'],
  run(model: Model): number {
    const { graph } = model;
    let removed = 0;
    const nodes = graph.nodes.filter((node) => isOp(node, 'Identity', 'Dropout'));
    if (nodes.length === 0) return 0;
    const editor = new GraphEditor(model);
    for (const node of nodes) {
      if (!isOp(node, 'Identity') && !isInferenceDropout(graph, editor.uses, node)) continue;
      if (!bypass(editor, node)) continue;
      editor.replace(node);
      removed++;
    }
    return removed;
  },
};

function bypass(editor: GraphEditor, node: Node): boolean {
  const { graph, uses } = editor;
  const from = inputAt(node, 0);
  const [to] = node.outputs;
  if (!from || !to) return false;
  if (!uses.isOutput(to)) {
    editor.replaceReads(to, from);
    graph.valueInfo.delete(to);
    return true;
  }
  if (!uses.producer(from) || uses.isOutput(from)) return false;
  editor.rename(from, to);
  return true;
}

function isInferenceDropout(graph: Graph, uses: Uses, node: Node): boolean {
  if (!isOp(node, 'Dropout')) return false;
  const mask = node.outputs[1];
  if (mask && !uses.isUnused(mask)) return false;
  const trainingMode = inputAt(node, 2);
  if (!trainingMode) return true;
  const constant = graph.initializers.get(trainingMode);
  return constant !== undefined && arrayOf(constant).data[0] === 0;
}
