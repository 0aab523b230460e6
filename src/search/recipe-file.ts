import { isDeepStrictEqual } from 'node:util';
import { QuantizeError, reasonOf } from '../errors.js';
import { readWhole } from '../files/open.js';
import { checkRecipe, defaultRecipe, type GivenRecipe, type Recipe } from '../recipe.js';
import { registries } from '../registries.js';
import { showPlace } from '../validate/check.js';

/** Where the recipe of a model is written: `model.auto.onnx` → `model.auto.recipe.json`. */
export const recipePathOf = (model: string): string => `${model.replace(/\.onnx$/i, '')}.recipe.json`;

/** A recipe as the text of a file: what differs from the defaults. */
export function serializeRecipe(recipe: Recipe): string {
  const own = Object.entries(recipe).filter(
    ([key, value]) => !isDeepStrictEqual(value, defaultRecipe[key as keyof Recipe]),
  );
  return `${JSON.stringify(Object.fromEntries(own), null, 2)}\n`;
}

/**
 * Read a recipe from a file. What does not go together is told where the recipe is resolved.
 *
 * @throws QuantizeError `recipe-format` for what is no JSON, `bad-value` for what is no recipe, with its place
 */
export async function readRecipeFile(path: string): Promise<GivenRecipe> {
  const text = new TextDecoder().decode(await readWhole(path));
  let recipe: unknown;
  try {
    recipe = JSON.parse(text);
  } catch (thrown) {
    throw new QuantizeError('recipe-format', { path, reason: `it is not JSON (${reasonOf(thrown)})` });
  }
  return checkRecipe(recipe, registries, (place) => `${path}: ${showPlace(place) || 'the recipe'}`);
}
