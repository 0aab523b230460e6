import { reshaped } from '../reshaped.js';

/** Unsqueeze: the gradient in the shape of the input. */
export const unsqueeze = reshaped('Unsqueeze');
