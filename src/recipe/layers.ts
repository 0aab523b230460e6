import { isMatch } from 'matcher';
import { QuantizeError } from '../errors.js';
import type { Recipe } from './kinds.js';
import { type LayerSettings, MAX_BITS } from './layer-settings.js';
import type { Rule } from './rule.js';
import { actBitsOf } from './schema.js';

/** What a pattern is matched against. */
export interface LayerNames {
  readonly id: string;
  readonly name: string | undefined;
}

/** Whether a pattern names a layer: its id or its node name, whole, `*` for any characters. */
export function matches(pattern: string, layer: LayerNames): boolean {
  // A backslash and a leading ! are parts of a name here, no escape and no negation.
  const literal = pattern.replaceAll('\\', '\\\\').replace(/^!/, '\\!');
  const names = layer.name === undefined ? [layer.id] : [layer.id, layer.name];
  return isMatch(names, literal, { caseSensitive: true });
}

/** What the recipe says of one layer, before its place in the model is looked at. */
export interface LayerRecipe extends LayerSettings {
  /** The flag that keeps the layer in float; undefined where it is to be quantized. */
  readonly keptBy: string | undefined;
}

/**
 * The recipe for one layer.
 *
 * @param isEdge - the layer is a first or a last one, which stays at 8 bits unless a rule or `allLayers` says otherwise
 */
export function recipeFor(recipe: Recipe, layer: LayerNames, isEdge: boolean): LayerRecipe {
  const keepsEight = isEdge && !recipe.allLayers;
  const actBits = actBitsOf(recipe);
  const general: LayerRecipe = {
    bits: keepsEight ? MAX_BITS : recipe.bits,
    actBits: keepsEight && actBits !== 'float' ? MAX_BITS : actBits,
    scheme: recipe.scheme,
    granularity: recipe.granularity,
    group: recipe.group,
    keptBy: keptBy(recipe, layer),
  };
  const { pattern: _, ...exception } = Object.assign(
    { pattern: '' },
    ...recipe.rules.filter((rule) => matches(rule.pattern, layer)),
  ) as Rule;
  return { ...general, ...exception };
}

function keptBy(recipe: Recipe, layer: LayerNames): string | undefined {
  const excluded = excludedBy(recipe, layer);
  if (excluded !== undefined) return excluded;
  const included = recipe.include.length === 0 || recipe.include.some((pattern) => matches(pattern, layer));
  return included ? undefined : 'no --include names it';
}

/** The flag that keeps a layer or another operator in float; undefined where none does. */
export function excludedBy({ exclude }: Pick<Recipe, 'exclude'>, node: LayerNames): string | undefined {
  const pattern = exclude.find((each) => matches(each, node));
  return pattern === undefined ? undefined : `--exclude "${pattern}"`;
}

/**
 * Every pattern must name at least one layer, one of --exclude a layer or another operator: a rule that silently does nothing is a typing error.
 *
 * @throws QuantizeError for the first that names none
 */
export function checkPatterns(
  recipe: Recipe,
  layers: readonly LayerNames[],
  path: string,
  operators: readonly LayerNames[] = [],
): void {
  const patterns = [
    ...recipe.rules.map(({ pattern }) => ['--rule', pattern] as const),
    ...recipe.exclude.map((pattern) => ['--exclude', pattern] as const),
    ...recipe.include.map((pattern) => ['--include', pattern] as const),
  ];
  for (const [flag, pattern] of patterns) {
    const named = flag === '--exclude' ? [...layers, ...operators] : layers;
    if (named.some((layer) => matches(pattern, layer))) continue;
    throw new QuantizeError('rule-matches-nothing', { flag, pattern, path });
  }
}
