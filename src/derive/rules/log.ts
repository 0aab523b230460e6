import { elementwise } from '../elementwise.js';

/** Log: 1/x. */
export const log = elementwise('Log', ({ steps, gradient, x }) => steps.div(gradient, x));
