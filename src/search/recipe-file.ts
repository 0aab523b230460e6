import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { QuantizeError, reasonOf } from '../errors.js';
import { defaultRecipe, type Recipe } from '../recipe.js';

/** Where the recipe of a model is written: `model.auto.onnx` → `model.auto.recipe.json`. */
export const recipePathOf = (model: string): string => `${model.replace(/\.onnx$/i, '')}.recipe.json`;

/** A recipe as the text of a file: what differs from the defaults. */
export function serializeRecipe(recipe: Recipe): string {
  const own = Object.entries(recipe).filter(
    ([key, value]) => !isDeepStrictEqual(value, defaultRecipe[key as keyof Recipe]),
  );
  return `${JSON.stringify(Object.fromEntries(own), null, 2)}\n`;
}

const ruleKeys = ['pattern', 'bits', 'actBits', 'scheme', 'granularity', 'group'];

/**
 * Read a recipe from a file. Names and widths are checked where the recipe is resolved.
 *
 * @throws QuantizeError `recipe-format` for what is no recipe, with the key that is wrong
 */
export async function readRecipeFile(path: string): Promise<Partial<Recipe>> {
  const bad = (reason: string) => new QuantizeError('recipe-format', { path, reason });
  let recipe: unknown;
  try {
    recipe = JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw bad(`it is not JSON (${reasonOf(thrown)})`);
    const code = (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'file-missing' : 'file-unreadable';
    throw new QuantizeError(code, { path, reason: reasonOf(thrown) }, { cause: thrown });
  }
  if (!isRecord(recipe)) throw bad('it is no object');
  for (const [key, value] of Object.entries(recipe)) {
    if (!Object.hasOwn(defaultRecipe, key)) throw bad(`it has the key "${key}", which no recipe has`);
    const problem = problemOf(key as keyof Recipe, value);
    if (problem) throw bad(`its "${key}" ${problem}`);
  }
  return recipe as Partial<Recipe>;
}

/** What is wrong with the form of a value; undefined where nothing is. */
function problemOf(key: keyof Recipe, value: unknown): string | undefined {
  switch (key) {
    case 'rules':
      if (!Array.isArray(value)) return 'is no list';
      return value.map(problemOfRule).find((problem) => problem !== undefined);
    case 'exclude':
    case 'include':
      return isList(value, (item) => typeof item === 'string') ? undefined : 'is no list of patterns';
    case 'actBits':
      return typeof value === 'number' || value === 'float' ? undefined : 'is no number and not "float"';
    case 'group':
      return typeof value === 'number' || typeof value === 'string' ? undefined : 'is no number and no name';
    case 'granularity':
      return value === 'tensor' || value === 'channel' ? undefined : 'is neither "tensor" nor "channel"';
    case 'blocks':
    case 'observerSettings': {
      const keys = Object.keys(defaultRecipe[key]);
      return isRecord(value) && keys.every((name) => name in value)
        ? undefined
        : `lacks one of ${keys.join(', ')}`;
    }
    default: {
      const type = typeof defaultRecipe[key];
      return typeof value === type ? undefined : `is no ${type}`;
    }
  }
}

function problemOfRule(rule: unknown): string | undefined {
  if (!isRecord(rule) || typeof rule.pattern !== 'string') return 'has a rule without a pattern';
  const unknown = Object.keys(rule).find((key) => !ruleKeys.includes(key));
  return unknown === undefined ? undefined : `has a rule with the key "${unknown}", which no rule has`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isList = (value: unknown, isItem: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isItem);
