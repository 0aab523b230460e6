import type { Model } from '../graph/model.js';
import { type Provenance, provenanceSchema } from '../quantize/provenance.js';
import { upgradedRecipe } from '../recipe/upgrade.js';
import { type GivenRecipe, type Recipe, recipeSchema } from '../recipe.js';
import { registries } from '../registries.js';
import { metadataKeys, tool } from '../version.js';

/** Write into the model, with its keys in one order, how it was made, so that the file alone can be repeated. Its own entries stay beside that. */
export function addRecipe(model: Model, recipe: Recipe, provenance?: Provenance): void {
  model.metadata.set(metadataKeys.tool, `${tool.name} ${tool.version}`);
  model.metadata.set(metadataKeys.recipe, JSON.stringify(recipeSchema(registries).parse(recipe)));
  if (provenance) model.metadata.set(metadataKeys.source, JSON.stringify(provenance));
}

/** The recipe that a model was made by; undefined where it carries none, or one that no version has written. */
export const readRecipe = (model: Model): GivenRecipe | undefined =>
  recipeSchema(registries).safeParse(upgradedRecipe(jsonAt(model, metadataKeys.recipe))).data;

/** What a model says that it was made from; undefined where it says nothing, or nothing that this tool has written. */
export const readProvenance = (model: Model): Provenance | undefined =>
  provenanceSchema.safeParse(jsonAt(model, metadataKeys.source)).data;

/** Any tool may write metadata: what is no JSON is nothing. */
function jsonAt({ metadata }: Model, key: string): unknown {
  try {
    return JSON.parse(metadata.get(key) ?? '');
  } catch {
    return undefined;
  }
}
