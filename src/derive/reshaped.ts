import type { DerivativeRule } from './derivative.js';
import { elementwise } from './elementwise.js';

/** The rule of an operator that only gives its elements another shape: the gradient in the old one. */
export const reshaped = (opType: string): DerivativeRule =>
  elementwise(opType, ({ steps, gradient, x, scope }) => steps.reshape(gradient, scope.dims(x)));
