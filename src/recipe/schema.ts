import * as z from 'zod';
import { QuantizeError } from '../errors.js';
import type { Place } from '../validate/allowed.js';
import { checked, jsonSchemaOf, showPlace } from '../validate/check.js';
import type { Registries, Setting } from './setting.js';
import { type Nested, type Recipe, settings } from './settings.js';

/** A recipe as it may be given: what it does not say is as it is by default. */
export type GivenRecipe = {
  readonly [K in keyof Recipe]?: (K extends Nested ? Partial<Recipe[K]> : Recipe[K]) | undefined;
};

/** A setting, and the keys that lead to it. */
export interface PlacedSetting {
  readonly path: readonly string[];
  readonly setting: Setting<unknown>;
}

type Entries = Readonly<Record<string, Setting<unknown> | Readonly<Record<string, Setting<unknown>>>>>;

const isSetting = (entry: Entries[string]): entry is Setting<unknown> => 'flag' in entry;

function placed(entries: Entries, before: readonly string[] = []): PlacedSetting[] {
  return Object.entries(entries).flatMap(([key, entry]) =>
    isSetting(entry) ? [{ path: [...before, key], setting: entry }] : placed(entry, [...before, key]),
  );
}

/** Every setting of a recipe, in the order of its table. */
export const allSettings: readonly PlacedSetting[] = placed(settings as Entries);

/** What may be given as a recipe, wherever one stands. */
export function recipeSchema(registries: Registries): z.ZodType<GivenRecipe> {
  const objectOf = (entries: Entries): z.ZodType =>
    z.strictObject(
      Object.fromEntries(
        Object.entries(entries).map(([key, entry]) => [
          key,
          isSetting(entry)
            ? entry.schema(registries).optional().describe(entry.description)
            : objectOf(entry).optional(),
        ]),
      ),
    );
  return objectOf(settings as Entries).describe(
    'What is quantized how; `recipe` of a result record can be copied here.',
  ) as z.ZodType<GivenRecipe>;
}

/** The JSON Schema of a whole recipe, as a result has it. */
export const recipeJsonSchema = (registries: Registries): object => jsonSchemaOf(recipeSchema(registries));

/**
 * A recipe from a user, checked: its keys, their types, names and widths. What only fits together or not is checked where it
 * is resolved.
 *
 * @param where - what it is part of, for messages; a place of a program's options without
 * @throws QuantizeError `bad-value`, the same whatever it came by
 */
export function checkRecipe(
  content: unknown,
  registries: Registries,
  where: (place: Place) => string = (place) => showPlace(['recipe', ...place]),
): GivenRecipe {
  checked(recipeSchema(registries), content, ({ place, problem, mend }) => {
    return new QuantizeError('bad-value', { where: where(place), problem, mend });
  });
  // As it was given, its keys in their order: what is written down of it stays the same.
  return content as GivenRecipe;
}

/** The value at a place; undefined where there is none. */
export const valueAt = (recipe: GivenRecipe | undefined, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
    recipe,
  );

/** A whole recipe of the value of each of its settings. */
export function recipeOfEach(choose: (placed: PlacedSetting) => unknown): Recipe {
  const recipe: Record<string, unknown> = {};
  for (const found of allSettings) {
    const [key = '', inner] = found.path;
    const value = choose(found);
    recipe[key] = inner === undefined ? value : { ...(recipe[key] as object | undefined), [inner]: value };
  }
  return recipe as unknown as Recipe;
}

/** A whole recipe: what is given, and the default of everything else. */
export const completeRecipe = (given: GivenRecipe = {}): Recipe =>
  recipeOfEach(({ path, setting }) => valueAt(given, path) ?? setting.usual);

export const defaultRecipe: Recipe = completeRecipe();

/** The recipe that quantizes all that any recipe quantizes: what it observes is enough for every other. */
export const widestRecipe: Recipe = { ...defaultRecipe, allLayers: true, matMulActivations: true };
