import { MAX_BITS, MIN_BITS } from '../recipe.js';

/** A way to store a layer's weight that the search may choose. */
export interface Candidate {
  readonly scheme: string;
  readonly bits: number;
}

/** A layer that is left in float: its weight, its bias and its input. */
export const FLOAT: Candidate = { scheme: 'float', bits: 32 };

export const isFloat = ({ scheme }: Candidate): boolean => scheme === FLOAT.scheme;

/**
 * Free levels where there are few, which is where they gain most; a scale of least squared error above that, where the
 * levels of a codebook for each channel take more bytes than they are worth.
 */
const DEFAULT_CANDIDATES: readonly Candidate[] = [
  { scheme: 'kmeans', bits: 2 },
  { scheme: 'kmeans', bits: 3 },
  { scheme: 'kmeans', bits: 4 },
  { scheme: 'mse', bits: 3 },
  { scheme: 'mse', bits: 4 },
  { scheme: 'mse', bits: 5 },
  { scheme: 'mse', bits: 6 },
  { scheme: 'mse', bits: 7 },
  { scheme: 'mse', bits: MAX_BITS },
];

/**
 * What the search chooses from.
 *
 * @param scheme - where the user named one, it alone, in all widths
 */
export function candidatesOf(scheme: string | undefined): readonly Candidate[] {
  if (scheme === undefined) return DEFAULT_CANDIDATES;
  return Array.from({ length: MAX_BITS - MIN_BITS + 1 }, (_, i) => ({ scheme, bits: MIN_BITS + i }));
}
