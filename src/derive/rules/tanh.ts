import { elementwise } from '../elementwise.js';

/** Tanh: 1 − y². */
export const tanh = elementwise('Tanh', ({ steps, gradient, y }) =>
  steps.mul(gradient, steps.sub(steps.scalar(1), steps.mul(y, y))),
);
