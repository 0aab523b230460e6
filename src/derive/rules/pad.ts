import { inputAt, type Node, stringAttribute } from '../../graph/model.js';
import { integersOf } from '../../graph/tensor.js';
import type { DerivativeRule, Scope } from '../derivative.js';
import { axisMap, transposedMaps } from '../linear-axis.js';
import { Steps } from '../steps.js';

/** Pad with constant counts: what was added is cut off; what was copied (reflect, edge, wrap) is added back. */
export const pad: DerivativeRule = {
  opType: 'Pad',
  derive(node, [gradient], wanted, scope) {
    const [x = ''] = node.inputs;
    if (gradient === undefined || !wanted[0]) return { nodes: [], gradients: [] };
    const counts = padCounts(node, scope);
    if (typeof counts === 'string') return counts;
    const [begins, ends] = counts;
    const steps = new Steps(scope, `${node.id}/gradient`);
    const mode = stringAttribute(node, 'mode', 'constant');
    if (mode === 'constant') {
      const negated = (list: readonly number[]) => list.map((count) => -count);
      return { gradients: [steps.pad(gradient, negated(begins), negated(ends))], nodes: steps.nodes };
    }
    const [from, to] = [scope.dims(x), scope.dims(node.outputs[0] ?? '')];
    const maps = from.flatMap((length, axis) => {
      const made = to[axis] ?? length;
      if (made === length) return [];
      const source = (row: number) => copiedFrom(mode, row - (begins[axis] ?? 0), length);
      const entries = Array.from({ length: made }, (_, row) => [row, source(row), 1] as const);
      return [axisMap(axis, length, made, entries)];
    });
    return { gradients: [transposedMaps(steps, gradient, to, maps)], nodes: steps.nodes };
  },
};

/** Elements added before and behind each axis. */
function padCounts(node: Node, scope: Scope): [number[], number[]] | string {
  const constant = scope.constant(inputAt(node, 1) ?? '');
  const axesInput = inputAt(node, 3);
  const axesConstant = axesInput === undefined ? undefined : scope.constant(axesInput);
  if (!constant || (axesInput !== undefined && !axesConstant)) return 'has computed paddings';
  const rank = scope.dims(node.inputs[0] ?? '').length;
  const counts = integersOf(constant);
  const axes = axesConstant ? integersOf(axesConstant) : Array.from({ length: rank }, (_, axis) => axis);
  const [begins, ends] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((stated, at) => {
    const axis = stated < 0 ? stated + rank : stated;
    begins[axis] = counts[at] ?? 0;
    ends[axis] = counts[at + axes.length] ?? 0;
  });
  return [begins, ends];
}

/** The element that a place outside was copied from. */
function copiedFrom(mode: string, place: number, length: number): number {
  if (mode === 'edge') return Math.min(Math.max(place, 0), length - 1);
  if (mode === 'wrap') return ((place % length) + length) % length;
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const within = ((place % period) + period) % period;
  return within < length ? within : period - within;
}
