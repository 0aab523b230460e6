import { reshaped } from '../reshaped.js';

/** Squeeze: the gradient in the shape of the input. */
export const squeeze = reshaped('Squeeze');
