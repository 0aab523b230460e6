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

/** Float arithmetic, whether there are samples or not: with some, weights are refined. */
const weightsAlone: GivenRecipe = { activations: { kind: 'float' } };

/** Weights in blocks of 32 inputs, as that library's own script cuts them, each with a zero point. */
const blocks: GivenRecipe = {
  ...weightsAlone,
  ...{ bits: 4, format: 'matmulnbits', blocks: { asymmetric: true } },
};

/** Blocks of 64, the size that bitsandbytes has. MatMulBnb4 has no kernel for WebGPU. */
const normal: GivenRecipe = {
  ...weightsAlone,
  ...{ bits: 4, format: 'matmulbnb4', blocks: { size: 64 } },
};

/**
 * The files that can be made, by transformers.js' own table of suffixes (src/utils/dtypes.js there, version 4): `q8` is its
 * usual file on WebAssembly, in 8 bits with ranges found at every run; `q4` in blocks of 4 bits. What ends in `f16` computes in
 * float16 between inputs and outputs of float32.
 *
 * Not made: `q2` and `q1`, which leave nothing of a model that was not trained for them.
 */
export const dtypes: readonly Dtype[] = [
  {
    name: 'fp16',
    summary: 'float16 inside',
    suffix: '_fp16',
    recipe: { exclude: ['*'], float16: true },
  },
  { name: 'q8', summary: 'the usual file', suffix: '_quantized', recipe: dynamic },
  { name: 'int8', summary: 'the same', suffix: '_int8', recipe: dynamic },
  {
    name: 'uint8',
    summary: 'the same, weights in uint8',
    suffix: '_uint8',
    recipe: { ...dynamic, format: 'uint8' },
  },
  { name: 'q4', summary: 'blocks of 4 bits', suffix: '_q4', recipe: blocks },
  {
    name: 'q4f16',
    summary: 'the same, float16 around them',
    suffix: '_q4f16',
    recipe: { ...blocks, float16: true },
  },
  { name: 'bnb4', summary: 'blocks of 64 in the levels of NF4', suffix: '_bnb4', recipe: normal },
];

/** Every suffix of that table: a file with one was made from another. */
export const SUFFIXES = [
  ...['_quantized', '_fp16', '_int8', '_uint8', '_bnb4'],
  ...['_q4', '_q4f16', '_q2', '_q2f16', '_q1', '_q1f16'],
];
