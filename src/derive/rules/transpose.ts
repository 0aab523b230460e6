import { intsAttribute } from '../../graph/model.js';
import { elementwise } from '../elementwise.js';

/** Transpose: the way back. */
export const transpose = elementwise('Transpose', ({ steps, gradient, x, node, scope }) => {
  const axes = scope.dims(x).map((_, axis) => axis);
  const perm = intsAttribute(node, 'perm') ?? [...axes].reverse();
  return steps.transpose(
    gradient,
    axes.map((axis) => perm.indexOf(axis)),
  );
});
