import { type Command, Option } from 'commander';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { defaultObserverSettings, type LsqplusConfig } from '../../calibration/observers/observer.js';
import { observers } from '../../calibration/observers/observers.js';
import { schemes } from '../quantize/schemes/schemes.js';
import {
  defaultRecipe,
  type Format,
  formats,
  type Group,
  MAX_ACCURACY_LEVEL,
  type Recipe,
  type Rule,
} from '../recipe.js';
import { parseActBits, parseBits, parseCount, parseGroup, parseNumber, parseRule } from './parse.js';

/** The recipe's flags, as commander gives them. */
export interface RecipeFlags {
  readonly scheme: string;
  readonly bits: number;
  readonly actBits: number | 'float';
  readonly dynamic?: true;
  readonly matmulActivations?: true;
  readonly actScheme: string;
  readonly observer: string;
  readonly actSymmetric?: true;
  readonly momentum: number;
  readonly percentile: number;
  readonly lsqplusConfig: LsqplusConfig;
  readonly exactOffset?: true;
  readonly perTensor?: true;
  readonly group: Group;
  readonly rule?: Rule[];
  readonly exclude?: string[];
  readonly include?: string[];
  readonly allLayers?: true;
  readonly format: Format;
  readonly block: number;
  readonly blockAsymmetric?: true;
  readonly accuracyLevel: number;
  readonly reduceRange?: true;
}

/** The entries of a registry, for a help text. */
export const listOf = (registry: readonly { name: string; summary: string }[]): string =>
  registry.map(({ name, summary }) => `${name} (${summary})`).join(', ');

/** Gathers the values of a flag that may be given several times. */
export const collect = <T>(value: T, list: T[] | undefined): T[] => [...(list ?? []), value];

/** Add the flags that make a recipe. */
export function addRecipeOptions(command: Command): Command {
  const { scheme, bits, actBits, actScheme, observer } = defaultRecipe;
  command
    .option('--scheme <name>', `weight scheme: ${listOf(schemes)}`, scheme)
    .option('--bits <n>', 'width of weights, 2 to 8', (text) => parseBits('--bits', text), bits)
    .option(
      '--act-bits <n>',
      'width of activations, 2 to 8, or float',
      (text) => parseActBits('--act-bits', text),
      actBits,
    )
    .option(
      '--dynamic',
      'find activation ranges at every run, in the model itself: needs no samples, suits transformers',
    )
    .option('--act-scheme <name>', `levels of activations below 8 bits: ${listOf(actSchemes)}`, actScheme)
    .option('--observer <name>', `activation ranges: ${listOf(observers)}`, observer);
  return addRecipeSettings(command);
}

/** Add the flags of a recipe beside its scheme, its widths and its observer. */
export function addRecipeSettings(command: Command): Command {
  const { group, blocks } = defaultRecipe;
  const { momentum, percentile, lsqplusConfig } = defaultObserverSettings;
  return command
    .option('--matmul-activations', 'products of two activations (attention) on integers too')
    .option('--act-symmetric', 'activation ranges symmetric around 0 where there are negative values')
    .option(
      '--momentum <x>',
      'of the ema observer: share of the past in each step',
      (text) => parseNumber('--momentum', text),
      momentum,
    )
    .option(
      '--percentile <x>',
      'of the percentile observer: share of the elements in the range, in percent',
      (text) => parseNumber('--percentile', text),
      percentile,
    )
    .option(
      '--lsqplus-config <n>',
      'of the lsqplus observer: 1 unsigned, 2 signed; with an offset 3 signed, 4 unsigned',
      (text) => parseCount('--lsqplus-config', text, 1, 4) as LsqplusConfig,
      lsqplusConfig,
    )
    .option(
      '--exact-offset',
      'of the lsqplus observer below 8 bits: keep the real offset by a table, which costs time',
    )
    .option('--per-tensor', 'one scale for a whole weight instead of one for each output channel')
    .option(
      '--group <channels>',
      'what shares a codebook: tensor, channel, or a number of channels',
      (text) => parseGroup('--group', text),
      group,
    )
    .option(
      '--rule <pattern:settings>',
      "an exception for some layers, as 'layer3*:bits=8'; the last that matches wins",
      (text, list: Rule[] | undefined) => collect(parseRule(text), list),
    )
    .option('--exclude <pattern>', 'keep layers in float', collect<string>)
    .option('--include <pattern>', 'quantize these layers only', collect<string>)
    .option('--all-layers', 'below 8 bits: the first and the last layers too, which otherwise stay at 8')
    .addOption(
      new Option(
        '--format <name>',
        'weights in the file: packed in as few bits as onnxruntime unpacks at load; qdq-int8 for other runtimes; matmulnbits in blocks of 4 or 8 bits for float MatMul, weights only',
      )
        .choices(formats)
        .default(defaultRecipe.format),
    )
    .option(
      '--block <n>',
      'of matmulnbits: weights that share a scale, 16, 32, 64 or 128',
      (text) => parseCount('--block', text, 1),
      blocks.size,
    )
    .option('--block-asymmetric', 'of matmulnbits: a zero point for each block, too')
    .option(
      '--accuracy-level <n>',
      'of matmulnbits: 0 computes in float, 4 in int8, which is faster',
      (text) => parseCount('--accuracy-level', text, 0, MAX_ACCURACY_LEVEL),
      blocks.accuracyLevel,
    )
    .option('--reduce-range', 'weights within ±63, for x86 machines without VNNI');
}

/** The recipe that the flags say. */
export function recipeOf(flags: RecipeFlags): Recipe {
  return {
    scheme: flags.scheme,
    bits: flags.bits,
    granularity: flags.perTensor ? 'tensor' : 'channel',
    group: flags.group,
    actBits: flags.actBits,
    dynamic: flags.dynamic ?? false,
    matMulActivations: flags.matmulActivations ?? false,
    actScheme: flags.actScheme,
    observer: flags.observer,
    observerSettings: {
      symmetric: flags.actSymmetric ?? false,
      momentum: flags.momentum,
      percentile: flags.percentile,
      lsqplusConfig: flags.lsqplusConfig,
    },
    exactOffset: flags.exactOffset ?? false,
    rules: flags.rule ?? [],
    exclude: flags.exclude ?? [],
    include: flags.include ?? [],
    allLayers: flags.allLayers ?? false,
    format: flags.format,
    blocks: {
      size: flags.block,
      asymmetric: flags.blockAsymmetric ?? false,
      accuracyLevel: flags.accuracyLevel,
    },
    reduceRange: flags.reduceRange ?? false,
  };
}

/** The flag that each part of a recipe is from. */
const flagsOfParts: Readonly<Record<keyof Recipe, readonly string[]>> = {
  scheme: ['scheme'],
  bits: ['bits'],
  granularity: ['perTensor'],
  group: ['group'],
  actBits: ['actBits'],
  dynamic: ['dynamic'],
  matMulActivations: ['matmulActivations'],
  actScheme: ['actScheme'],
  observer: ['observer'],
  exactOffset: ['exactOffset'],
  observerSettings: ['actSymmetric', 'momentum', 'percentile', 'lsqplusConfig'],
  rules: ['rule'],
  exclude: ['exclude'],
  include: ['include'],
  allLayers: ['allLayers'],
  format: ['format'],
  blocks: ['block', 'blockAsymmetric', 'accuracyLevel'],
  reduceRange: ['reduceRange'],
};

/** The parts of a recipe that flags were given for. */
export function givenRecipeOf(flags: RecipeFlags, isGiven: (flag: string) => boolean): Partial<Recipe> {
  const parts = Object.entries(recipeOf(flags)).filter(([part]) =>
    flagsOfParts[part as keyof Recipe].some(isGiven),
  );
  return Object.fromEntries(parts);
}

/** A recipe with parts of it replaced; rules come after its own, and so win. */
export const overridden = (recipe: Partial<Recipe>, given: Partial<Recipe>): Partial<Recipe> => ({
  ...recipe,
  ...given,
  rules: [...(recipe.rules ?? []), ...(given.rules ?? [])],
});
