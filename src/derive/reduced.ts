import { inputAt, intAttribute, intsAttribute, type Node } from '../graph/model.js';
import { integersOf } from '../graph/tensor.js';
import type { Scope } from './derivative.js';

/** The axes that a node reduces, counted from the first; the reason where they are computed. */
export function reducedAxes(node: Node, scope: Scope): number[] | string {
  const rank = scope.dims(node.inputs[0] ?? '').length;
  const given = inputAt(node, 1);
  const constant = given === undefined ? undefined : scope.constant(given);
  if (given !== undefined && !constant) return 'has computed axes';
  const axes = constant ? integersOf(constant) : (intsAttribute(node, 'axes') ?? []);
  if (axes.length === 0) {
    const all = Array.from({ length: rank }, (_, axis) => axis);
    return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? [] : all;
  }
  return axes.map((axis) => (axis < 0 ? axis + rank : axis));
}
