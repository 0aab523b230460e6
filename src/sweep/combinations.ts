import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { QuantizeError } from '../errors.js';
import type { SweepOptions } from '../options.js';
import {
  actBitsOf,
  completeRecipe,
  defaultActivations,
  MAX_BITS,
  type Recipe,
  recipeName,
  resolveRecipe,
  type StaticActivations,
  settings,
} from '../recipe.js';
import { registries } from '../registries.js';

/** One combination of a sweep. */
export interface Combination {
  readonly name: string;
  readonly recipe: Recipe;
}

/**
 * Every combination of the lists, each once: the scheme changes slowest, then the widths, the observer, what refines,
 * levels of activations, LSQ+ configurations, granularities and groups. What has
 * nothing to do in a combination is as the recipe has it by default: the observer where activations stay in float, the
 * activation scheme and exact offsets where they are not narrow.
 *
 * @throws QuantizeError `bad-option` for a name or a width that cannot be, or activation widths without samples
 */
export function combinationsOf(options: SweepOptions): Combination[] {
  const base: Recipe = completeRecipe(options.recipe);
  const hasRanges = options.data !== undefined || options.stats !== undefined;
  // What the recipe does not say of fixed ranges is as it is by default.
  const fixed: StaticActivations = base.activations.kind === 'static' ? base.activations : defaultActivations;
  const { bits = [base.bits], observers: named = [fixed.observer] } = options;
  const widths = options.actBits ?? [hasRanges ? actBitsOf(base) : 'float'];
  const choices = (options.schemes ?? [base.scheme]).flatMap((scheme) =>
    bits.flatMap((width) =>
      widths.flatMap((actBits) =>
        named.flatMap((observer) =>
          (options.refines ?? [base.refine]).flatMap((refine) =>
            othersOf(options, base, fixed).map((other) => ({
              scheme,
              width,
              actBits,
              observer,
              refine,
              ...other,
            })),
          ),
        ),
      ),
    ),
  );
  const recipes = choices.map(({ scheme, width, actBits, observer, refine, ...other }) => {
    const { levels, lsqplusConfig, granularity, group } = other;
    const wanted = { ...base, scheme, bits: width, refine, granularity, group };
    const observerSettings = { ...fixed.observerSettings, lsqplusConfig };
    return actBits === 'float'
      ? resolveRecipe({ ...wanted, activations: { kind: 'float' } }, registries, hasRanges)
      : recipeOf(wanted, { ...fixed, bits: actBits, observer, levels, observerSettings }, hasRanges);
  });
  const unique = [...new Map(recipes.map((recipe) => [keyOf(recipe), recipe])).values()];
  return unique.map((recipe) => {
    const { activations } = recipe;
    const isOneOfSeveral = named.length > 1 && activations.kind === 'static';
    // The usual one is not in the name of a recipe.
    const isUnnamed = isOneOfSeveral && activations.observer === settings.activations.observer.usual;
    const { plain, marks } = marked(recipe, options);
    return {
      name: [recipeName(plain), ...(isUnnamed ? [activations.observer] : []), ...marks].join('-'),
      recipe,
    };
  });
}

/** What the axes beside the first five choose. */
function othersOf(options: SweepOptions, base: Recipe, fixed: StaticActivations) {
  const { actSchemes = [fixed.levels], lsqplusConfigs = [fixed.observerSettings.lsqplusConfig] } = options;
  const { granularities = [base.granularity], groups = [base.group] } = options;
  return actSchemes.flatMap((levels) =>
    lsqplusConfigs.flatMap((lsqplusConfig) =>
      granularities.flatMap((granularity) =>
        groups.map((group) => ({ levels, lsqplusConfig, granularity, group })),
      ),
    ),
  );
}

/** What an axis of several values says of a recipe, in words for its name, and the recipe without it. */
function marked(recipe: Recipe, { groups = [], lsqplusConfigs = [] }: SweepOptions) {
  const { activations } = recipe;
  const isGrouped = groups.length > 1 && recipe.group !== settings.group.usual;
  const isOffset =
    lsqplusConfigs.length > 1 && activations.kind === 'static' && activations.observer === 'lsqplus';
  const usual = defaultActivations.observerSettings.lsqplusConfig;
  const plain: Recipe = {
    ...recipe,
    ...(isGrouped && { group: settings.group.usual }),
    ...(isOffset && {
      activations: {
        ...activations,
        observerSettings: { ...activations.observerSettings, lsqplusConfig: usual },
      },
    }),
  };
  const marks = [
    ...(isGrouped ? [`group${recipe.group}`] : []),
    ...(isOffset ? [`config${activations.observerSettings.lsqplusConfig}`] : []),
  ];
  return { plain, marks };
}

/** What tells one recipe from another. */
export const keyOf = (recipe: Recipe): string => JSON.stringify(recipe);

function recipeOf(wanted: Recipe, activations: StaticActivations, hasRanges: boolean): Recipe {
  const { bits, levels, exactOffset, observer } = activations;
  const isNarrow = [bits, ...wanted.rules.map((rule) => rule.actBits)].some(
    (width) => typeof width === 'number' && width < MAX_BITS,
  );
  const source = rangeSources.find(({ name }) => name === observer);
  const hasOffset = source?.observer.offsetFit !== undefined;
  const recipe = resolveRecipe(
    {
      ...wanted,
      activations: {
        ...activations,
        levels: isNarrow ? levels : settings.activations.levels.usual,
        exactOffset: exactOffset && isNarrow && hasOffset,
      },
    },
    registries,
    hasRanges,
  );
  if (recipe.activations.kind === 'static') return recipe;
  const mend = 'Give samples with --data, or --act-bits float.';
  throw new QuantizeError('bad-option', {
    flag: '--act-bits',
    problem: `${bits} needs samples to calibrate on`,
    mend,
  });
}
