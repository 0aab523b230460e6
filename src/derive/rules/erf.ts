import { elementwise } from '../elementwise.js';

/** Erf: 2/√π · exp(−x²). */
export const erf = elementwise('Erf', ({ steps, gradient, x }) =>
  steps.mul(
    gradient,
    steps.scale(steps.op('Exp', [steps.op('Neg', [steps.mul(x, x)])]), 2 / Math.sqrt(Math.PI)),
  ),
);
