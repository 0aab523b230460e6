import { elementwise } from '../elementwise.js';

/** Exp: y. */
export const exp = elementwise('Exp', ({ steps, gradient, y }) => steps.mul(gradient, y));
