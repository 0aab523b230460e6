import { inputAt } from '../../graph/model.js';
import { arrayOf, type Tensor } from '../../graph/tensor.js';
import type { DerivativeRule } from '../derivative.js';
import { axisMap, transposedMaps } from '../linear-axis.js';
import { Steps } from '../steps.js';

/** Slice with constant bounds: zeros around the gradient, or between its elements where the slice has a step. */
export const slice: DerivativeRule = {
  opType: 'Slice',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const lists = [1, 2, 3, 4].map((at) => inputAt(node, at)).map((name) => name && scope.constant(name));
    const [starts, ends, givenAxes, givenSteps] = lists.map((list) => list && boundsOf(list));
    if (!starts || !ends || (inputAt(node, 3) && !givenAxes) || (inputAt(node, 4) && !givenSteps)) {
      return 'has computed bounds';
    }
    const [from, to] = [scope.dims(x), scope.dims(node.outputs[0] ?? '')];
    const axes = (givenAxes || starts.map((_, at) => at)).map((axis) =>
      axis < 0 ? axis + from.length : axis,
    );
    const begins = from.map(() => 0);
    const rests = from.map(() => 0);
    const maps = axes.flatMap((axis, at) => {
      const [length = 1, made = 1] = [from[axis], to[axis]];
      const stride = (givenSteps || [])[at] ?? 1;
      const first = firstOf(starts[at] ?? 0, length, stride);
      if (stride === 1) {
        begins[axis] = first;
        rests[axis] = length - made - first;
        return [];
      }
      const entries = Array.from({ length: made }, (_, row) => [row, first + row * stride, 1] as const);
      return [axisMap(axis, length, made, entries)];
    });
    const steps = new Steps(scope, `${node.id}/gradient`);
    const spread = transposedMaps(steps, gradient, to, maps);
    return { gradients: [steps.pad(spread, begins, rests)], nodes: steps.nodes };
  },
};

/** Bounds as numbers: "to the end" is often the largest int64, of which the last digits do not matter. */
const boundsOf = (tensor: Tensor): number[] =>
  Array.from(arrayOf(tensor).data as ArrayLike<number | bigint>, Number);

/** The first index taken: a start counts from the end where it is negative, and is kept within the axis. */
function firstOf(start: number, length: number, stride: number): number {
  const counted = start < 0 ? start + length : start;
  return Math.min(Math.max(counted, 0), stride < 0 ? length - 1 : length);
}
