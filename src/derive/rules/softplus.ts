import { elementwise } from '../elementwise.js';

/** Softplus: the sigmoid. */
export const softplus = elementwise('Softplus', ({ steps, gradient, x }) =>
  steps.mul(gradient, steps.op('Sigmoid', [x])),
);
