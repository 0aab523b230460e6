import { elementwise } from '../elementwise.js';

/** Neg: −1. */
export const neg = elementwise('Neg', ({ steps, gradient }) => steps.op('Neg', [gradient]));
