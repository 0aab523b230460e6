import { GraphEditor } from '../graph/editor.js';
import type { Model, Node } from '../graph/model.js';

/**
 * Try a fold on one node after the other; the graph is indexed only where there is one.
 *
 * @param fold - changes the graph and gives true, or leaves it as it is
 * @returns how many folded
 */
export function foldEach(
  model: Model,
  nodes: readonly Node[],
  fold: (editor: GraphEditor, node: Node) => boolean,
): number {
  if (nodes.length === 0) return 0;
  const editor = new GraphEditor(model);
  let folded = 0;
  for (const each of nodes) if (fold(editor, each)) folded++;
  return folded;
}
