import type { GivenRecipe } from '../recipe.js';

/** A file that transformers.js looks for: `dtype` in its options, and what it then adds to the model's name. */
export interface Dtype {
  readonly name: string;
  readonly summary: string;
  readonly suffix: string;
  /** The recipe that makes it. */
  readonly recipe: GivenRecipe;
}

const dynamic: GivenRecipe = { activations: { kind: 'dynamic' } };

/**
 * The files that can be made, by transformers.js' own table of suffixes (src/utils/dtypes.js there, version 3): `q8` is its
 * usual file on the CPU, in 8 bits with ranges found at every run; `q4` in blocks of 4 bits.
 */
export const dtypes: readonly Dtype[] = [
  { name: 'q8', summary: 'the usual file', suffix: '_quantized', recipe: dynamic },
  { name: 'int8', summary: 'the same', suffix: '_int8', recipe: dynamic },
  { name: 'q4', summary: 'blocks of 4 bits', suffix: '_q4', recipe: { bits: 4, format: 'matmulnbits' } },
];

/** Every suffix of that table: a file with one was made from another. */
export const SUFFIXES = ['_quantized', '_fp16', '_int8', '_uint8', '_q4', '_q4f16', '_q2', '_q2f16', '_bnb4'];
