import { reshaped } from '../reshaped.js';

/** Reshape: the gradient in the shape of the input. */
export const reshape = reshaped('Reshape');
