import { GraphEditor } from '../graph/editor.js';
import { inputAt, isOp, type Model } from '../graph/model.js';
import { ranksOf } from '../graph/rank.js';
import { floatsOf, floatTensor } from '../graph/tensor.js';
import type { Pass } from './pass.js';

/**
 * A MatMul's constant on the right that is a stack of one matrix, [1, …, 1, K, N], becomes that matrix: integer kernels and
 * layers have two axes.
 *
 * - The value on the left has at least as many axes, so that the result has as many as before.
 * - The constant is of a float type.
 */
export const loneMatrix: Pass = {
  name: 'lone-matrix',
  summary: 'a MatMul with a stack of one constant matrix becomes one with that matrix',
  needs: ['constants are initializers'],
  ensures: [],
  run(model: Model): number {
    const { graph } = model;
    const editor = new GraphEditor(model);
    const rankOf = ranksOf(graph, editor.uses);
    const made = new Map<string, string>();
    let changes = 0;
    for (const found of graph.nodes) {
      const [data, name] = [inputAt(found, 0) ?? '', inputAt(found, 1) ?? ''];
      const stack = isOp(found, 'MatMul') ? graph.initializers.get(name) : undefined;
      if (stack?.dataType !== 'float32' || stack.dims.length < 3 || graph.initializers.has(data)) continue;
      if (stack.dims.slice(0, -2).some((size) => size !== 1)) continue;
      if ((rankOf(data) ?? 0) < stack.dims.length) continue;
      const matrix =
        made.get(name) ??
        editor.addInitializer(
          `${name}_matrix`,
          floatTensor('float32', stack.dims.slice(-2), floatsOf(stack)),
        );
      made.set(name, matrix);
      editor.change(found, () => {
        found.inputs = [data, matrix];
      });
      changes++;
    }
    return changes;
  },
};
