import * as z from 'zod';
import { QuantizeError } from '../errors.js';
import type { Place } from '../validate/allowed.js';
import { checked, showPlace } from '../validate/check.js';
import type { NotStatic, Recipe, StaticActivations } from './kinds.js';
import { MAX_BITS } from './layer-settings.js';
import type { Registries } from './registries.js';
import type { Setting } from './setting.js';
import { settings } from './settings.js';
import { upgradedRecipe } from './upgrade.js';

/** Settings of which some may be left out. */
type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Activations as they may be given: static where nothing says otherwise. */
export type GivenActivations =
  | NotStatic
  | (Given<Omit<StaticActivations, 'observerSettings'>> & {
      readonly observerSettings?: Given<StaticActivations['observerSettings']> | undefined;
    });

/** A recipe as it may be given: what it does not say is as it is by default. */
export interface GivenRecipe extends Given<Omit<Recipe, 'activations' | 'blocks'>> {
  readonly activations?: GivenActivations | undefined;
  readonly blocks?: Given<Recipe['blocks']> | undefined;
}

/** A setting, and the keys that lead to it. */
export interface PlacedSetting {
  readonly path: readonly string[];
  readonly setting: Setting<unknown>;
}

interface Entries {
  readonly [key: string]: Setting<unknown> | Entries;
}

const isSetting = (entry: Setting<unknown> | Entries): entry is Setting<unknown> => 'flag' in entry;

function placed(entries: Entries, before: readonly string[] = []): PlacedSetting[] {
  return Object.entries(entries).flatMap(([key, entry]) =>
    isSetting(entry) ? [{ path: [...before, key], setting: entry }] : placed(entry, [...before, key]),
  );
}

const entries = settings as unknown as Entries;

/** Every setting of a recipe, in the order of its table. */
export const allSettings: readonly PlacedSetting[] = placed(entries);

/** Whether a setting is of activations with fixed ranges. */
export const isOfActivations = ({ path }: PlacedSetting): boolean => path[0] === 'activations';

/** What may be given as a recipe, wherever one stands. */
export function recipeSchema(registries: Registries): z.ZodType<GivenRecipe> {
  const shapeOf = (table: Entries): Record<string, z.ZodType> =>
    Object.fromEntries(
      Object.entries(table).map(([key, entry]) => [
        key,
        isSetting(entry)
          ? entry.schema(registries).optional().describe(entry.description)
          : z.strictObject(shapeOf(entry)).optional(),
      ]),
    );
  const { activations, ...others } = entries;
  const ofKind = (kind: string) => z.strictObject({ kind: z.literal(kind) });
  return z
    .strictObject({
      ...shapeOf(others as Entries),
      activations: z
        .discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('static').optional(), ...shapeOf(activations as Entries) }),
          ofKind('dynamic').describe('Ranges are found at every run.'),
          ofKind('float').describe('Weights alone are quantized.'),
        ])
        .optional()
        .describe('What becomes of activations.'),
    })
    .describe(
      'What is quantized how; `recipe` of a result record can be copied here.',
    ) as z.ZodType<unknown> as z.ZodType<GivenRecipe>;
}

/**
 * A recipe from a user, checked: its keys, their types, names and widths. What only fits together or not is checked where it
 * is resolved.
 *
 * @param content - of this version or an older one
 * @param where - what it is part of, for messages; a place of a program's options without
 * @throws QuantizeError `bad-value`, the same whatever it came by
 */
export function checkRecipe(
  content: unknown,
  registries: Registries,
  where: (place: Place) => string = (place) => showPlace(['recipe', ...place]),
): GivenRecipe {
  const upgraded = upgradedRecipe(content);
  checked(recipeSchema(registries), upgraded, ({ place, problem, mend }) => {
    return new QuantizeError('bad-value', { where: where(place), problem, mend });
  });
  // As it was given, its keys in their order: what is written down of it stays the same.
  return upgraded as GivenRecipe;
}

/** The value at a place; undefined where there is none. */
export const valueAt = (recipe: GivenRecipe | undefined, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
    recipe,
  );

/**
 * A whole recipe of the value of each of its settings.
 *
 * @param activations - where they are not static
 */
export function recipeOfEach(choose: (placed: PlacedSetting) => unknown, activations?: NotStatic): Recipe {
  type Values = Record<string, unknown>;
  const recipe: Values = {};
  for (const found of allSettings) {
    if (isOfActivations(found) && activations) {
      recipe.activations = activations;
      continue;
    }
    let at = recipe;
    for (const key of found.path.slice(0, -1)) {
      at[key] ??= key === 'activations' ? { kind: 'static' } : {};
      at = at[key] as Values;
    }
    at[found.path.at(-1) as string] = choose(found);
  }
  return recipe as unknown as Recipe;
}

/** Activations that are not static; undefined for those that are. */
const notStatic = (activations: GivenActivations | undefined): NotStatic | undefined =>
  activations?.kind === 'float' || activations?.kind === 'dynamic' ? activations : undefined;

/** A whole recipe: what is given, and the default of everything else. */
export const completeRecipe = (given: GivenRecipe = {}): Recipe =>
  recipeOfEach(({ path, setting }) => valueAt(given, path) ?? setting.usual, notStatic(given.activations));

export const defaultRecipe: Recipe = completeRecipe();

/** The activations of the default: static. */
export const defaultActivations = defaultRecipe.activations as StaticActivations;

/** The recipe that quantizes all that any recipe quantizes: what it observes is enough for every other. */
export const widestRecipe: Recipe = completeRecipe({ allLayers: true, activations: { matMul: true } });

/** The width of the activations that layers read, whatever finds their ranges. */
export function actBitsOf({ activations }: Pick<Recipe, 'activations'>): number | 'float' {
  if (activations.kind === 'float') return 'float';
  return activations.kind === 'dynamic' ? MAX_BITS : activations.bits;
}
