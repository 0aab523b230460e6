import { isMatch } from 'matcher';
import { QuantizeError } from '../errors.js';
import type { Recipe } from './kinds.js';
import { type LayerSettings, MAX_BITS } from './layer-settings.js';
import type { Rule } from './rule.js';
import { actBitsOf } from './schema.js';
import { schemeOf } from './scheme-by-width.js';

/** What a pattern is matched against. */
export interface LayerNames {
  readonly id: string;
  readonly name: string | undefined;
  /** Its place in the model, where that is known. */
  readonly position?: 'first' | 'inner' | 'last' | 'only' | undefined;
}

/** Patterns that name layers by their place: those with no layer before them, and those with none behind them. */
const places: Readonly<Record<string, LayerNames['position']>> = { '@first': 'first', '@last': 'last' };

/**
 * Whether a pattern names a layer: its id or its node name, whole, `*` for any characters; `@first` and `@last` by its place.
 */
export function matches(pattern: string, layer: LayerNames): boolean {
  if (Object.hasOwn(places, pattern)) return layer.position === 'only' || layer.position === places[pattern];
  // A backslash and a leading ! are parts of a name here, no escape and no negation.
  const literal = pattern.replaceAll('\\', '\\\\').replace(/^!/, '\\!');
  const names = layer.name === undefined ? [layer.id] : [layer.id, layer.name];
  return isMatch(names, literal, { caseSensitive: true });
}

/** Whether a rule says what becomes of a layer's activations, or of an operator: it wins over what is found out. */
export const asksActivations = ({ rules }: Pick<Recipe, 'rules'>, node: LayerNames): boolean =>
  rules.some(({ actBits, pattern }) => actBits !== undefined && matches(pattern, node));

/** Whether a rule asks for a layer's activations on integers. */
export const asksIntegers = ({ rules }: Pick<Recipe, 'rules'>, node: LayerNames): boolean =>
  rules.some(
    ({ actBits, pattern }) => actBits !== undefined && actBits !== 'float' && matches(pattern, node),
  );

/** Whether a rule says what becomes of a layer, its weights or its activations. */
export const asksAnything = ({ rules }: Pick<Recipe, 'rules'>, node: LayerNames): boolean =>
  rules.some(({ pattern }) => matches(pattern, node));

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
    actBits: keepsEight && actBits !== 'float' ? Math.max(MAX_BITS, actBits) : actBits,
    scheme: recipe.scheme,
    granularity: recipe.granularity,
    group: recipe.group,
    keptBy: keptBy(recipe, layer),
  };
  const { pattern: _, ...exception } = Object.assign(
    { pattern: '' },
    ...recipe.rules.filter((rule) => matches(rule.pattern, layer)),
  ) as Rule;
  const found = { ...general, ...exception };
  return { ...found, scheme: schemeOf(found.scheme, found.bits, recipe.format) };
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
 * The flag that keeps an operator that is no layer in float; undefined where none does. Of a rule, `act-bits=float` alone says
 * something of it: it has no weight, and what it reads and writes has 8 bits.
 *
 * @param isListed - `include` names such operators: those that it does not name stay float
 */
export function operatorKeptBy(
  recipe: Pick<Recipe, 'exclude' | 'include' | 'rules'>,
  node: LayerNames,
  isListed: boolean,
): string | undefined {
  const excluded = excludedBy(recipe, node);
  if (excluded !== undefined) return excluded;
  const rule = recipe.rules.findLast(
    ({ actBits, pattern }) => actBits !== undefined && matches(pattern, node),
  );
  if (rule?.actBits === 'float') return `--rule "${rule.pattern}:act-bits=float"`;
  const isLeftOut = isListed && !recipe.include.some((pattern) => matches(pattern, node));
  return isLeftOut ? 'no --include names it' : undefined;
}

/**
 * Every pattern must name a layer, or another operator that can run on integers: a rule that silently does nothing is a
 * typing error. So is one that gives such an operator anything but `act-bits=float`, or 8 against what calibration says of it.
 *
 * @throws QuantizeError for the first that names none
 */
export function checkPatterns(
  recipe: Recipe,
  layers: readonly LayerNames[],
  path: string,
  operators: readonly LayerNames[] = [],
): void {
  const all = [...layers, ...operators];
  const patterns = [
    ...recipe.rules.map(
      ({ pattern, actBits }) =>
        ['--rule', pattern, actBits === 'float' || actBits === MAX_BITS ? all : layers] as const,
    ),
    ...recipe.exclude.map((pattern) => ['--exclude', pattern, all] as const),
    ...recipe.include.map((pattern) => ['--include', pattern, all] as const),
  ];
  for (const [flag, pattern, named] of patterns) {
    // Every model with layers has a first and a last one.
    if (Object.hasOwn(places, pattern) && layers.length > 0) continue;
    if (named.some((layer) => matches(pattern, layer))) continue;
    const isOperator = all.some((node) => matches(pattern, node));
    if (isOperator) throw new QuantizeError('rule-without-weight', { pattern });
    throw new QuantizeError('rule-matches-nothing', { flag, pattern, path });
  }
}
