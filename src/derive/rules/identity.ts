import { elementwise } from '../elementwise.js';

/** Identity: the gradient. */
export const identity = elementwise('Identity', ({ gradient }) => gradient);
