import { elementwise } from '../elementwise.js';

/** Relu: the gradient where the input is positive; 0 at 0, as torch has it. */
export const relu = elementwise('Relu', ({ steps, gradient, x }) =>
  steps.where(steps.op('Greater', [x, steps.scalar(0)]), gradient),
);
