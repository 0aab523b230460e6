import { isDeepStrictEqual } from 'node:util';
import { allSettings, type PlacedSetting, recipeOfEach, valueAt } from './schema.js';
import { saySetting } from './setting.js';
import type { Recipe } from './settings.js';

/** The values of flags, by their names. */
export type FlagValues = ReadonlyMap<string, unknown>;

/**
 * The recipe that flags say.
 *
 * @param given - by the name of the flag: its value, true for a switch, a list where it may be given several times
 * @param base - what holds where there is no flag
 */
export function recipeOfFlags(given: FlagValues, base: Recipe): Recipe {
  return recipeOfEach(({ path, setting: { flag } }) => {
    const before = valueAt(base, path);
    const value = given.get(flag.name);
    if (value === undefined) return before;
    if (flag.value === undefined) return flag.sets ?? true;
    return flag.several === 'behind' ? [...(before as unknown[]), ...(value as unknown[])] : value;
  });
}

/** The flags that say a recipe, less those that are so by default. */
export function recipeFlags(recipe: Recipe, hasRanges = true): string[] {
  return allSettings.flatMap((placed) => {
    const value = valueAt(recipe, placed.path);
    // Without samples activations stay in float by themselves.
    const isImplied = placed.path[0] === 'actBits' && value === 'float' && !hasRanges;
    return isImplied ? [] : flagWords(placed, value);
  });
}

function flagWords({ setting }: PlacedSetting, value: unknown): string[] {
  const { flag, usual } = setting;
  if (isDeepStrictEqual(value, usual)) return [];
  if (flag.value === undefined) return [flag.name];
  const each = flag.several ? (value as unknown[]) : [value];
  return each.flatMap((item) => [flag.name, saySetting(setting, item)]);
}
