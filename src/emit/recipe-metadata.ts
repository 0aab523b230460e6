import type { Model } from '../graph/model.js';
import type { Recipe } from '../recipe.js';
import { tool } from '../version.js';

/** Keys of metadata_props; the model's own entries are kept beside them. */
const metadataKeys = { recipe: 'quantize.recipe', tool: 'quantize.tool' } as const;

/** Write into the model how it was made, so that the file alone can be repeated. */
export function addRecipe(model: Model, recipe: Recipe): void {
  model.metadata.set(metadataKeys.tool, `${tool.name} ${tool.version}`);
  model.metadata.set(metadataKeys.recipe, JSON.stringify(recipe));
}
