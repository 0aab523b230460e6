import { blockBitsOf, type Recipe } from './kinds.js';
import { AUTO } from './refine.js';

/** Up to so many bits a codebook keeps more than equal steps do, in files of the same size (docs/schemes.md). */
const NARROW_BITS = 4;

/** The scheme that serves a width best. */
export const schemeByWidth = (bits: number): 'kmeans' | 'minmax' =>
  bits <= NARROW_BITS ? 'kmeans' : 'minmax';

/** The scheme of a layer: what the recipe says, or what its width asks for. Blocks hold equal steps alone. */
export function schemeOf(scheme: string, bits: number, format: Recipe['format']): string {
  if (scheme !== AUTO) return scheme;
  return blockBitsOf(format) ? 'minmax' : schemeByWidth(bits);
}
