import type { Model } from '../../../src/graph/model.js';
import type { GivenRecipe } from '../../../src/recipe.js';

/** A small model, and what onnxruntime must make of its quantized form. */
export interface OperatorCase {
  readonly name: string;
  readonly model: () => Model;
  readonly recipe?: GivenRecipe;
  /** Operators of the optimized graph, in order; Transposes are left out. */
  readonly ops: string;
  /** Float sums come in another order than in the model given: equal up to float32 rounding, not to the bit. */
  readonly reordered?: true;
  /** Largest difference between integer and float arithmetic, in steps of the output; 2 by default. */
  readonly steps?: number;
}

/** Between two Convs: what the runtime must make of the middle. */
export const mid = (ops: string) => `Q QLinearConv ${ops} QLinearConv DQ`.replace(/ +/g, ' ');
