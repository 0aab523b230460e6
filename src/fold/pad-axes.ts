import { addInitializer } from '../graph/edit.js';
import { inputAt, isOp, type Model } from '../graph/model.js';
import { rankOf } from '../graph/rank.js';
import { integersOf, tensorOf } from '../graph/tensor.js';
import { indexUses } from '../graph/uses.js';
import type { Pass } from './pass.js';

/**
 * The axes of a Pad (opset 18) go into its pads, one pair for each axis of the data: onnxruntime 1.30 breaks such a Pad
 * where it moves it into its NHWC layout.
 *
 * - Pads and axes are constants, and the rank of the data is known.
 */
export const padAxes: Pass = {
  name: 'pad-axes',
  summary: 'the axes of a Pad go into its pads',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    const uses = indexUses(graph);
    let changed = 0;
    for (const node of graph.nodes) {
      const [data, padsName, axesName] = [0, 1, 3].map((index) => inputAt(node, index));
      if (!isOp(node, 'Pad') || !data || !padsName || !axesName) continue;
      const [pads, axes] = [graph.initializers.get(padsName), graph.initializers.get(axesName)];
      const rank = rankOf(graph, uses, data);
      if (!pads || !axes || rank === undefined) continue;
      const full = fullPads(integersOf(pads), integersOf(axes), rank);
      const tensor = tensorOf({ type: 'int64', dims: [full.length], data: full });
      node.inputs[1] = addInitializer(graph, padsName, tensor);
      node.inputs.length = 3;
      while (node.inputs.at(-1) === '') node.inputs.pop();
      changed++;
    }
    return changed;
  },
};

/** Begin of every axis, then end of every axis. */
function fullPads(pads: readonly number[], axes: readonly number[], rank: number): BigInt64Array {
  const full = new BigInt64Array(2 * rank);
  axes.forEach((axis, i) => {
    const at = axis < 0 ? axis + rank : axis;
    full[at] = BigInt(pads[i] ?? 0);
    full[rank + at] = BigInt(pads[axes.length + i] ?? 0);
  });
  return full;
}
