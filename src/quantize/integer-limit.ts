import type { WeightedNode } from '../place/placement.js';
import type { Recipe } from '../recipe.js';

/** Integers that weights are stored and multiplied as: int8 less −128, or half of it. */
const FULL_LIMIT = 127;
const REDUCED_LIMIT = 63;

/** Largest magnitude of the integers that the weights of integer layers are stored as. */
export function integerLimit({ reduceRange }: Pick<Recipe, 'reduceRange'>): number {
  return reduceRange ? REDUCED_LIMIT : FULL_LIMIT;
}

/** That of weights for float operators, which no kernel's sums bind. */
const STORED_LIMIT = FULL_LIMIT;

/** Largest magnitude of the integers that the weights of a node are stored as. */
export function weightLimit({ runs }: WeightedNode, recipe: Pick<Recipe, 'reduceRange'>): number {
  return runs.kind === 'float' ? STORED_LIMIT : integerLimit(recipe);
}
