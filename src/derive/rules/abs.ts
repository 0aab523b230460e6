import { elementwise } from '../elementwise.js';

/** Abs: the sign, 0 at 0. */
export const abs = elementwise('Abs', ({ steps, gradient, x }) => steps.mul(gradient, steps.op('Sign', [x])));
