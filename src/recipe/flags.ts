import { isDeepStrictEqual } from 'node:util';
import { QuantizeError } from '../errors.js';
import type { NotStatic, Recipe } from './kinds.js';
import { allSettings, isOfActivations, type PlacedSetting, recipeOfEach, valueAt } from './schema.js';
import { saySetting } from './setting.js';
import { dynamicFlag, settings } from './settings.js';

/** The values of flags, by their names. */
export type FlagValues = ReadonlyMap<string, unknown>;

/**
 * The recipe that flags say.
 *
 * @param given - by the name of the flag: its value, true for a switch, a list where it may be given several times
 * @param base - what holds where there is no flag
 * @throws QuantizeError `bad-option` for a flag that would do nothing beside another
 */
export function recipeOfFlags(given: FlagValues, base: Recipe): Recipe {
  const choose = ({ path, setting: { flag, usual } }: PlacedSetting) => {
    const before = valueAt(base, path) ?? usual;
    const value = given.get(flag.name);
    if (value === undefined) return before;
    if (flag.value === undefined) return flag.sets ?? true;
    return flag.several === 'behind' ? [...(before as unknown[]), ...(value as unknown[])] : value;
  };
  return recipeOfEach(choose, activationsOf(given, base));
}

/** What becomes of activations; undefined where their ranges are fixed. */
function activationsOf(given: FlagValues, base: Recipe): NotStatic | undefined {
  const width = given.get(actBits.name);
  const isDynamic = given.has(dynamicFlag.name);
  if (isDynamic && width !== undefined && width !== settings.activations.bits.usual) {
    const problem = `quantizes activations to ${settings.activations.bits.usual} bits`;
    const mend = 'Leave out --act-bits, or give samples with --data instead of --dynamic.';
    throw new QuantizeError('bad-option', { flag: dynamicFlag.name, problem, mend });
  }
  const kind = isDynamic
    ? 'dynamic'
    : width === undefined
      ? base.activations.kind
      : width === 'float'
        ? 'float'
        : 'static';
  if (kind === 'static') return undefined;
  const useless = allSettings.find(
    (placed) =>
      isOfActivations(placed) && placed.setting.flag !== actBits && given.has(placed.setting.flag.name),
  );
  if (!useless) return { kind };
  const problem =
    kind === 'float'
      ? 'has no use where activations stay in float'
      : 'has no use where ranges are found at every run';
  const mend = 'Leave it out, or give samples with --data and a width with --act-bits.';
  throw new QuantizeError('bad-option', { flag: useless.setting.flag.name, problem, mend });
}

const { flag: actBits } = settings.activations.bits;

/** The flags that say a recipe, less those that are so by default. */
export function recipeFlags(recipe: Recipe, hasRanges = true): string[] {
  const { kind } = recipe.activations;
  const words = allSettings.flatMap((placed) =>
    isOfActivations(placed) && kind !== 'static' ? [] : flagWords(placed, valueAt(recipe, placed.path)),
  );
  if (kind === 'dynamic') return [...words, dynamicFlag.name];
  // Without samples activations stay in float by themselves.
  return kind === 'float' && hasRanges ? [...words, actBits.name, kind] : words;
}

function flagWords({ setting }: PlacedSetting, value: unknown): string[] {
  const { flag, usual } = setting;
  if (isDeepStrictEqual(value, usual)) return [];
  if (flag.value === undefined) return [flag.name];
  const each = flag.several ? (value as unknown[]) : [value];
  return each.flatMap((item) => [flag.name, saySetting(setting, item)]);
}
