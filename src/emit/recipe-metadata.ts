import type { Model } from '../graph/model.js';
import type { Recipe } from '../recipe.js';
import { metadataKeys, tool } from '../version.js';

/** Write into the model how it was made, so that the file alone can be repeated. Its own entries stay beside that. */
export function addRecipe(model: Model, recipe: Recipe): void {
  model.metadata.set(metadataKeys.tool, `${tool.name} ${tool.version}`);
  model.metadata.set(metadataKeys.recipe, JSON.stringify(recipe));
}
