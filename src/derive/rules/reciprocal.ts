import { elementwise } from '../elementwise.js';

/** Reciprocal: −y². */
export const reciprocal = elementwise('Reciprocal', ({ steps, gradient, y }) =>
  steps.op('Neg', [steps.mul(gradient, steps.mul(y, y))]),
);
