import type { Model } from '../graph/model.js';
import { upgradedRecipe } from '../recipe/upgrade.js';
import { type GivenRecipe, type Recipe, recipeSchema } from '../recipe.js';
import { registries } from '../registries.js';
import { metadataKeys, tool } from '../version.js';

/** Write into the model how it was made, so that the file alone can be repeated. Its own entries stay beside that. */
export function addRecipe(model: Model, recipe: Recipe): void {
  model.metadata.set(metadataKeys.tool, `${tool.name} ${tool.version}`);
  model.metadata.set(metadataKeys.recipe, JSON.stringify(recipe));
}

/** The recipe that a model was made by; undefined where it carries none, or one that no version has written. */
export function readRecipe(model: Model): GivenRecipe | undefined {
  const text = model.metadata.get(metadataKeys.recipe);
  if (text === undefined) return undefined;
  try {
    return recipeSchema(registries).safeParse(upgradedRecipe(JSON.parse(text))).data;
  } catch {
    // Any tool may write metadata: what is no JSON is no recipe.
    return undefined;
  }
}
