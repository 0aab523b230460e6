import { observers } from '../../calibration/observers/observers.js';
import { QuantizeError } from '../errors.js';
import type { SweepOptions } from '../options.js';
import {
  completeRecipe,
  defaultRecipe,
  MAX_BITS,
  type Recipe,
  recipeName,
  resolveRecipe,
} from '../recipe.js';
import { registries } from '../registries.js';

/** One combination of a sweep. */
export interface Combination {
  readonly name: string;
  readonly recipe: Recipe;
}

/**
 * Every combination of the lists, each once: the scheme changes slowest, then the widths, then the observer. What has
 * nothing to do in a combination is as the recipe has it by default: the observer where activations stay in float, the
 * activation scheme and exact offsets where they are not narrow.
 *
 * @throws QuantizeError `bad-option` for a name or a width that cannot be, or activation widths without samples
 */
export function combinationsOf(options: SweepOptions): Combination[] {
  const base: Recipe = completeRecipe(options.recipe);
  const hasRanges = options.data !== undefined || options.stats !== undefined;
  const { bits = [base.bits], observers: named = [base.observer] } = options;
  const widths = options.actBits ?? [hasRanges ? base.actBits : 'float'];
  const recipes = (options.schemes ?? [base.scheme]).flatMap((scheme) =>
    bits.flatMap((width) =>
      widths.flatMap((actBits) =>
        named.map((observer) => recipeOf({ ...base, scheme, bits: width, actBits, observer }, hasRanges)),
      ),
    ),
  );
  const unique = [...new Map(recipes.map((recipe) => [keyOf(recipe), recipe])).values()];
  return unique.map((recipe) => {
    const isOneOfSeveral = named.length > 1 && recipe.actBits !== 'float';
    return { name: `${recipeName(recipe)}${isOneOfSeveral ? `-${recipe.observer}` : ''}`, recipe };
  });
}

/** What tells one recipe from another. */
export const keyOf = (recipe: Recipe): string => JSON.stringify(recipe);

function recipeOf(wanted: Recipe, hasRanges: boolean): Recipe {
  const { actBits, actScheme, exactOffset, rules, observer } = wanted;
  const isNarrow = [actBits, ...rules.map((rule) => rule.actBits)].some(
    (width) => typeof width === 'number' && width < MAX_BITS,
  );
  const hasLevels = actBits !== 'float' && isNarrow;
  const hasOffset = observers.find(({ name }) => name === observer)?.offsetFit !== undefined;
  const recipe = resolveRecipe(
    {
      ...wanted,
      actScheme: hasLevels ? actScheme : defaultRecipe.actScheme,
      exactOffset: exactOffset && hasLevels && hasOffset,
      observer: actBits === 'float' ? defaultRecipe.observer : observer,
    },
    registries,
    hasRanges,
  );
  if (recipe.actBits !== actBits) {
    const mend = 'Give samples with --data, or --act-bits float.';
    throw new QuantizeError('bad-option', {
      flag: '--act-bits',
      problem: `${actBits} needs samples to calibrate on`,
      mend,
    });
  }
  return recipe;
}
