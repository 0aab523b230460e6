import { elementwise } from '../elementwise.js';

/** Expand: the sum over what was repeated. */
export const expand = elementwise('Expand', ({ steps, gradient, x, y, scope }) =>
  steps.sumTo(gradient, scope.dims(y), scope.dims(x)),
);
