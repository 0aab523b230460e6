import type { ObserverSettings } from '../../calibration/observers/observer.js';
import type { Paths, SweepOptions } from '../options.js';
import { defaultRecipe, type Recipe, type Rule } from '../recipe.js';

/** A word as a POSIX shell reads it whole. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** The flags of `quantize` that say a recipe, less those that are so by default. */
export function recipeFlags(recipe: Recipe): string[] {
  const flags: string[] = [];
  const { scheme, bits, granularity, group, actBits, actScheme, observer, format, blocks } = recipe;
  const value = (flag: string, given: string | number, usual: string | number) => {
    if (given !== usual) flags.push(flag, String(given));
  };
  const toggle = (flag: string, given: boolean) => {
    if (given) flags.push(flag);
  };
  value('--scheme', scheme, defaultRecipe.scheme);
  value('--bits', bits, defaultRecipe.bits);
  value('--act-bits', actBits, defaultRecipe.actBits);
  toggle('--dynamic', recipe.dynamic);
  toggle('--matmul-activations', recipe.matMulActivations);
  value('--act-scheme', actScheme, defaultRecipe.actScheme);
  value('--observer', observer, defaultRecipe.observer);
  flags.push(...observerFlags(recipe.observerSettings));
  toggle('--exact-offset', recipe.exactOffset);
  toggle('--per-tensor', granularity === 'tensor');
  value('--group', group, defaultRecipe.group);
  for (const rule of recipe.rules) flags.push('--rule', ruleText(rule));
  for (const pattern of recipe.exclude) flags.push('--exclude', pattern);
  for (const pattern of recipe.include) flags.push('--include', pattern);
  toggle('--all-layers', recipe.allLayers);
  value('--format', format, defaultRecipe.format);
  value('--block', blocks.size, defaultRecipe.blocks.size);
  toggle('--block-asymmetric', blocks.asymmetric);
  value('--accuracy-level', blocks.accuracyLevel, defaultRecipe.blocks.accuracyLevel);
  toggle('--reduce-range', recipe.reduceRange);
  return flags;
}

function observerFlags(settings: ObserverSettings): string[] {
  const { symmetric, momentum, percentile, lsqplusConfig } = settings;
  const usual = defaultRecipe.observerSettings;
  return [
    ...(symmetric ? ['--act-symmetric'] : []),
    ...(momentum === usual.momentum ? [] : ['--momentum', String(momentum)]),
    ...(percentile === usual.percentile ? [] : ['--percentile', String(percentile)]),
    ...(lsqplusConfig === usual.lsqplusConfig ? [] : ['--lsqplus-config', String(lsqplusConfig)]),
  ];
}

function ruleText({ pattern, bits, actBits, scheme, granularity, group }: Rule): string {
  const settings = { bits, 'act-bits': actBits, scheme, granularity, group };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return `${pattern}:${given.map(([key, value]) => `${key}=${value}`).join(',')}`;
}

/** What of a sweep's options a single run is given, too. */
type RunOptions = Pick<
  SweepOptions,
  | 'model'
  | 'data'
  | 'evalData'
  | 'labels'
  | 'stats'
  | 'inputRange'
  | 'preprocess'
  | 'pictures'
  | 'raw'
  | 'samples'
  | 'seed'
>;

/** The command that makes the model of a recipe, and measures it on the same samples. */
export function commandOf(options: RunOptions, recipe: Recipe): string {
  const { pictures, raw, preprocess, inputRange } = options;
  const { size, fit, channelOrder } = pictures ?? {};
  const words = ['quantize', options.model];
  const add = (flag: string, value: string | number | undefined) => {
    if (value !== undefined) words.push(flag, String(value));
  };
  const paths = (flag: string, given: Paths | undefined) => {
    for (const path of given === undefined ? [] : [given].flat()) add(flag, path);
  };
  paths('--data', options.data);
  add('--stats', options.stats);
  add('--input-range', inputRange && [...inputRange.low, ...inputRange.high].join(','));
  paths('--eval-data', options.evalData);
  add('--labels', options.labels);
  add('--samples', options.samples);
  add('--seed', options.seed);
  // A preprocessing from a command line is called by its flags.
  if (preprocess) words.push(...preprocess.label.split(' '));
  add('--size', size && `${size.height}x${size.width}`);
  add('--resize', fit);
  add('--channel-order', channelOrder);
  add('--bin-dtype', raw?.type);
  add('--bin-shape', raw?.shape?.join('x'));
  return [...words, ...recipeFlags(recipe)].map(quoted).join(' ');
}
