import { elementCount } from '../../numerics/nd-array.js';
import { elementwise } from '../elementwise.js';

/** GlobalAveragePool: every place an equal share. */
export const globalAveragePool = elementwise('GlobalAveragePool', ({ steps, gradient, x, scope }) => {
  const dims = scope.dims(x);
  return steps.expand(steps.scale(gradient, 1 / elementCount(dims.slice(2))), dims);
});
