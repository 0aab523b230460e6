import type { Model } from '../graph/model.js';
import { defaultRecipe, type Recipe } from '../recipe.js';
import { metadataKeys, tool } from '../version.js';

/** Write into the model how it was made, so that the file alone can be repeated. Its own entries stay beside that. */
export function addRecipe(model: Model, recipe: Recipe): void {
  model.metadata.set(metadataKeys.tool, `${tool.name} ${tool.version}`);
  model.metadata.set(metadataKeys.recipe, JSON.stringify(recipe));
}

/** The recipe that a model was made by; undefined where it carries none, or one that no version has written. */
export function readRecipe(model: Model): Partial<Recipe> | undefined {
  const text = model.metadata.get(metadataKeys.recipe);
  if (text === undefined) return undefined;
  try {
    const recipe: unknown = JSON.parse(text);
    return isRecipe(recipe) ? recipe : undefined;
  } catch {
    // Any tool may write metadata: what is no JSON is no recipe.
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Settings that are a number or a word. */
const mixed: readonly string[] = ['actBits', 'group'];

/** Whether every setting is of the kind that it has by default; its value is checked where the recipe is resolved. */
function isRecipe(value: unknown): value is Partial<Recipe> {
  if (!isObject(value)) return false;
  const { rules = [], exclude = [], include = [], observerSettings = {}, ...others } = value;
  const isPattern = (pattern: unknown) => typeof pattern === 'string';
  return (
    Array.isArray(rules) &&
    rules.every((rule) => isObject(rule) && isPattern(rule.pattern)) &&
    [exclude, include].every((list) => Array.isArray(list) && list.every(isPattern)) &&
    isObject(observerSettings) &&
    Object.entries(others).every(
      ([name, setting]) =>
        mixed.includes(name) || typeof setting === typeof defaultRecipe[name as keyof Recipe],
    )
  );
}
