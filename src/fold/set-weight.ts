import type { GraphEditor } from '../graph/editor.js';
import type { LinearLayer } from '../graph/linear-layer.js';
import type { Tensor } from '../graph/tensor.js';

/** Give the layer a new weight: in place where it alone reads it, under a new name otherwise. */
export function setWeight(editor: GraphEditor, layer: LinearLayer, tensor: Tensor): void {
  if (editor.uses.hasOneUse(layer.weight)) {
    editor.graph.initializers.set(layer.weight, tensor);
    return;
  }
  const name = editor.addInitializer(layer.weight, tensor);
  editor.change(layer.node, (node) => {
    node.inputs[1] = name;
  });
}
