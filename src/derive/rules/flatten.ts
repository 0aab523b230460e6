import { reshaped } from '../reshaped.js';

/** Flatten: the gradient in the shape of the input. */
export const flatten = reshaped('Flatten');
