import { isMatch } from 'matcher';
import {
  defaultObserverSettings,
  type Observer,
  type ObserverSettings,
} from '../calibration/observers/observer.js';
import { QuantizeError } from './errors.js';

/** Widths that weights and activations can have. */
export const MIN_BITS = 2;
export const MAX_BITS = 8;

/** One scale for the whole weight, or one for each output channel. */
export type Granularity = 'tensor' | 'channel';

/** What shares a codebook, where the scheme has one: the whole weight, a channel, or so many channels in a row. */
export type Group = 'tensor' | 'channel' | number;
/**
 * How weights are stored. `packed`: in as few bits as a form takes that onnxruntime folds when it loads the model.
 * `qdq-int8`: in int8 through DequantizeLinear, which every runtime of QDQ models reads. `matmulnbits`: matrices in blocks
 * of 4 or 8 bits that onnxruntime's own MatMulNBits multiplies with, weights only; what it does not take is packed.
 */
export const formats = ['packed', 'qdq-int8', 'matmulnbits'] as const;
export type Format = (typeof formats)[number];

/** What MatMulNBits takes: widths, weights in a row that share a scale (its own least is 16), schemes that fill a block. */
export const blockBits: readonly number[] = [4, 8];
export const blockSizes: readonly number[] = [16, 32, 64, 128];
export const blockSchemes: readonly string[] = ['minmax', 'mse'];
/** The operator's own levels, from 0, the runtime's choice, to 4. */
export const MAX_ACCURACY_LEVEL = 4;

/** How `matmulnbits` stores and multiplies. */
export interface BlockSettings {
  /** Weights in a row along the inputs that share a scale. */
  readonly size: number;
  /** A zero point for each block beside its scale; without it the middle code is 0. */
  readonly asymmetric: boolean;
  /**
   * The least accurate arithmetic that the runtime may take: 0 its choice (on the CPU float32), 1 float32, 2 float16,
   * 3 bfloat16, 4 int8 with the input quantized by blocks at every run.
   */
  readonly accuracyLevel: number;
}

/** A per-layer exception: what it names replaces what the recipe says; the last rule that matches wins. */
export interface Rule {
  /** Matches a layer's id or node name; `*` stands for any characters. */
  readonly pattern: string;
  readonly bits?: number;
  readonly actBits?: number;
  readonly scheme?: string;
  readonly granularity?: Granularity;
  readonly group?: Group;
}

/** What the user asked for: written into the model and into every result. */
export interface Recipe {
  /** Weight scheme, a name of the registry. */
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: Granularity;
  readonly group: Group;
  /** Width of activations; `float` quantizes weights only. */
  readonly actBits: number | 'float';
  /** Activation ranges are found anew at every run, by the model itself: 8 bits, no samples, no observer. */
  readonly dynamic: boolean;
  /** The products of two activations, those of attention, on integers too. */
  readonly matMulActivations: boolean;
  /** How the levels of activations below 8 bits are chosen, a name of the registry. */
  readonly actScheme: string;
  /** How activation ranges are chosen, a name of the registry. */
  readonly observer: string;
  /** Below 8 bits: real offsets, where the observer has them, kept by a table instead of rounded to a zero point. */
  readonly exactOffset: boolean;
  /** What the observers can be told. */
  readonly observerSettings: ObserverSettings;
  readonly rules: readonly Rule[];
  /** Layers that stay in float. */
  readonly exclude: readonly string[];
  /** Where given, the only layers that are quantized. */
  readonly include: readonly string[];
  /** Below 8 bits: the first and the last layers too, which otherwise stay at 8. */
  readonly allLayers: boolean;
  readonly format: Format;
  /** Of the format `matmulnbits` alone. */
  readonly blocks: BlockSettings;
  /** Weights within ±63, for x86 without VNNI, whose int16 sums saturate. */
  readonly reduceRange: boolean;
}

export const defaultRecipe: Recipe = {
  scheme: 'minmax',
  bits: 8,
  granularity: 'channel',
  group: 'channel',
  actBits: 8,
  dynamic: false,
  matMulActivations: false,
  actScheme: 'uniform',
  observer: 'minmax',
  exactOffset: false,
  observerSettings: defaultObserverSettings,
  rules: [],
  exclude: [],
  include: [],
  allLayers: false,
  format: 'packed',
  blocks: { size: 32, asymmetric: false, accuracyLevel: 0 },
  reduceRange: false,
};

/** The recipe that quantizes all that any recipe quantizes: what it observes is enough for every other. */
export const widestRecipe: Recipe = { ...defaultRecipe, allLayers: true, matMulActivations: true };

/** The registries that a recipe names entries of. */
export interface Registries {
  readonly schemes: readonly Named[];
  readonly actSchemes: readonly Named[];
  readonly observers: readonly (Named & Pick<Observer, 'from' | 'offsetFit'>)[];
}

interface Named {
  readonly name: string;
}

/** The entry of a registry that has this name; it was checked when the recipe was resolved. */
export function named<T extends Named>(registry: readonly T[], name: string): T {
  const found = registry.find((entry) => entry.name === name);
  if (!found) throw new Error(`nothing is named ${name}`);
  return found;
}

/**
 * A whole recipe from what the user gave.
 *
 * @param hasData - without samples activations stay in float
 * @throws QuantizeError `bad-option` for a name that is in no registry, or a width that cannot be
 */
export function resolveRecipe(
  given: Partial<Recipe> | undefined,
  registries: Registries,
  hasData: boolean,
): Recipe {
  const wanted: Recipe = { ...defaultRecipe, ...given };
  if (wanted.actBits !== 'float') checkBits('--act-bits', wanted.actBits);
  checkName('--observer', wanted.observer, registries.observers);
  const needsData = named(registries.observers, wanted.observer).from !== 'batch-norm';
  const recipe: Recipe = hasData || wanted.dynamic || !needsData ? wanted : { ...wanted, actBits: 'float' };
  if (recipe.dynamic && recipe.actBits !== MAX_BITS) {
    const mend = 'Leave out --act-bits, or give samples with --data instead of --dynamic.';
    throw new QuantizeError('bad-option', {
      flag: '--dynamic',
      problem: `quantizes activations to ${MAX_BITS} bits`,
      mend,
    });
  }
  checkName('--scheme', recipe.scheme, registries.schemes);
  checkName('--act-scheme', recipe.actScheme, registries.actSchemes);
  checkActScheme(recipe);
  checkExactOffset(recipe, named(registries.observers, recipe.observer));
  checkName(
    '--format',
    recipe.format,
    formats.map((name) => ({ name })),
  );
  checkBits('--bits', recipe.bits);
  checkBlocks(recipe);
  checkObserverSettings(recipe.observerSettings);
  checkGroup('--group', recipe.group);
  for (const rule of recipe.rules) {
    if (rule.scheme !== undefined)
      checkName(`--rule "${rule.pattern}": scheme`, rule.scheme, registries.schemes);
    if (rule.bits !== undefined) checkBits(`--rule "${rule.pattern}": bits`, rule.bits);
    if (rule.actBits !== undefined) checkBits(`--rule "${rule.pattern}": act-bits`, rule.actBits);
    if (rule.group !== undefined) checkGroup(`--rule "${rule.pattern}": group`, rule.group);
  }
  return recipe;
}

/** A non-uniform scheme must have something to do: activations of fewer bits than the grid has. */
function checkActScheme(recipe: Recipe): void {
  const { actScheme } = recipe;
  if (actScheme !== defaultRecipe.actScheme)
    checkNarrow(recipe, '--act-scheme', `${actScheme} is for activations below ${MAX_BITS} bits`);
}

function checkExactOffset(recipe: Recipe, { name, offsetFit }: Registries['observers'][number]): void {
  if (!recipe.exactOffset) return;
  checkNarrow(recipe, '--exact-offset', `is for activations below ${MAX_BITS} bits`);
  if (offsetFit) return;
  const problem = `has no use with --observer ${name}, which has no real offset`;
  throw new QuantizeError('bad-option', {
    flag: '--exact-offset',
    problem,
    mend: 'Choose --observer lsqplus, or leave it out.',
  });
}

/** @throws QuantizeError where no activation is narrower than 8 bits */
function checkNarrow({ actBits, rules }: Recipe, flag: string, problem: string): void {
  const isNarrow = (bits: number | 'float' | undefined) => typeof bits === 'number' && bits < MAX_BITS;
  if (actBits !== 'float' && [actBits, ...rules.map((rule) => rule.actBits)].some(isNarrow)) return;
  const mend =
    actBits === 'float'
      ? 'Give samples with --data and a width with --act-bits.'
      : 'Give a width from 2 to 7 with --act-bits.';
  throw new QuantizeError('bad-option', { flag, problem, mend });
}

/** MatMulNBits stores weights under float arithmetic, and its settings are for nothing else. */
function checkBlocks({ format, blocks, scheme, bits, actBits, dynamic }: Recipe): void {
  const refuse = (flag: string, problem: string, mend: string) =>
    new QuantizeError('bad-option', { flag, problem, mend });
  const { size, asymmetric, accuracyLevel } = blocks;
  if (format !== 'matmulnbits') {
    const { blocks: unset } = defaultRecipe;
    const flags: readonly (readonly [flag: string, isSet: boolean])[] = [
      ['--block', size !== unset.size],
      ['--block-asymmetric', asymmetric !== unset.asymmetric],
      ['--accuracy-level', accuracyLevel !== unset.accuracyLevel],
    ];
    const [flag] = flags.find(([, isSet]) => isSet) ?? [];
    if (flag) throw refuse(flag, 'is of --format matmulnbits', 'Add that, or leave this out.');
    return;
  }
  const flag = '--format matmulnbits';
  if (dynamic || actBits !== 'float') {
    const mend = 'Add --act-bits float, or choose another format for integer activations.';
    throw refuse(flag, 'stores weights alone, for float arithmetic', mend);
  }
  if (!blockBits.includes(bits))
    throw refuse(flag, `holds no weights of ${bits} bits`, `Give --bits ${blockBits.join(' or --bits ')}.`);
  if (!blockSchemes.includes(scheme)) {
    const mend = `Give --scheme ${blockSchemes.join(' or --scheme ')}, or --format packed.`;
    throw refuse(
      flag,
      `holds uniform codes, each block with a scale of its own, not those of ${scheme}`,
      mend,
    );
  }
  if (!blockSizes.includes(size))
    throw refuse('--block', `cannot be ${size}`, `Choose one of: ${blockSizes.join(', ')}.`);
  if (!(Number.isInteger(accuracyLevel) && accuracyLevel >= 0 && accuracyLevel <= MAX_ACCURACY_LEVEL)) {
    const mend = `Give a whole number from 0 to ${MAX_ACCURACY_LEVEL}: 0 computes in float, 4 in int8.`;
    throw refuse('--accuracy-level', `cannot be ${accuracyLevel}`, mend);
  }
}

function checkName(flag: string, name: string, registry: readonly Named[]): void {
  if (registry.some((entry) => entry.name === name)) return;
  const names = registry.map((entry) => entry.name).join(', ');
  throw new QuantizeError('bad-option', {
    flag,
    problem: `does not know "${name}"`,
    mend: `Choose one of: ${names}.`,
  });
}

function checkObserverSettings({ momentum, percentile, lsqplusConfig }: ObserverSettings): void {
  const refuse = (flag: string, value: number, mend: string) =>
    new QuantizeError('bad-option', { flag, problem: `cannot be ${value}`, mend });
  if (!(momentum >= 0 && momentum < 1))
    throw refuse('--momentum', momentum, 'Give a number from 0 up to, not including, 1.');
  if (!(percentile > 0 && percentile <= 100))
    throw refuse('--percentile', percentile, 'Give a number above 0 and up to 100.');
  if (![1, 2, 3, 4].includes(lsqplusConfig))
    throw refuse('--lsqplus-config', lsqplusConfig, 'Choose 1, 2, 3 or 4.');
}

function checkBits(flag: string, bits: number): void {
  if (Number.isInteger(bits) && bits >= MIN_BITS && bits <= MAX_BITS) return;
  const mend = `Give a whole number from ${MIN_BITS} to ${MAX_BITS}.`;
  throw new QuantizeError('bad-option', { flag, problem: `cannot be ${bits}`, mend });
}

function checkGroup(flag: string, group: Group): void {
  if (group === 'tensor' || group === 'channel' || (Number.isSafeInteger(group) && group >= 1)) return;
  const mend = 'Give tensor, channel, or a whole number of channels from 1 on.';
  throw new QuantizeError('bad-option', { flag, problem: `cannot be ${group}`, mend });
}

/**
 * The recipe in a file name: `minmax-w4a8`, `minmax-w4` for weights only, `minmax-w4-b32` in blocks of 32,
 * `minmax-w8-dynamic`, `minmax-w4a4-log`.
 */
export function recipeName({ scheme, bits, actBits, actScheme, dynamic, format, blocks }: Recipe): string {
  if (dynamic) return `${scheme}-w${bits}-dynamic`;
  if (format === 'matmulnbits') return `${scheme}-w${bits}-b${blocks.size}`;
  const levels = actScheme === defaultRecipe.actScheme ? '' : `-${actScheme}`;
  return `${scheme}-w${bits}${actBits === 'float' ? '' : `a${actBits}${levels}`}`;
}

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
export interface LayerRecipe {
  readonly bits: number;
  readonly actBits: number | 'float';
  readonly scheme: string;
  readonly granularity: Granularity;
  readonly group: Group;
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
  const general: LayerRecipe = {
    bits: keepsEight ? MAX_BITS : recipe.bits,
    actBits: keepsEight && recipe.actBits !== 'float' ? MAX_BITS : recipe.actBits,
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
  const excluded = recipe.exclude.find((pattern) => matches(pattern, layer));
  if (excluded) return `--exclude "${excluded}"`;
  const included = recipe.include.length === 0 || recipe.include.some((pattern) => matches(pattern, layer));
  return included ? undefined : 'no --include names it';
}

/**
 * Every pattern must name at least one layer: a rule that silently does nothing is a typing error.
 *
 * @throws QuantizeError for the first that names none
 */
export function checkPatterns(recipe: Recipe, layers: readonly LayerNames[], path: string): void {
  const patterns = [
    ...recipe.rules.map(({ pattern }) => ['--rule', pattern] as const),
    ...recipe.exclude.map((pattern) => ['--exclude', pattern] as const),
    ...recipe.include.map((pattern) => ['--include', pattern] as const),
  ];
  for (const [flag, pattern] of patterns) {
    if (layers.some((layer) => matches(pattern, layer))) continue;
    throw new QuantizeError('rule-matches-nothing', { flag, pattern, path });
  }
}
