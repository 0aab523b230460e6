import { elementwise } from '../elementwise.js';

/** Sigmoid: y·(1 − y). */
export const sigmoid = elementwise('Sigmoid', ({ steps, gradient, y }) =>
  steps.mul(gradient, steps.mul(y, steps.sub(steps.scalar(1), y))),
);
