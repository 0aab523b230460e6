import { elementwise } from '../elementwise.js';

/** Sqrt: 1/(2y). */
export const sqrt = elementwise('Sqrt', ({ steps, gradient, y }) => steps.div(steps.scale(gradient, 0.5), y));
