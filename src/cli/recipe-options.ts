import { type Command, Option } from 'commander';
import { defaultObserverSettings, type LsqplusConfig } from '../../calibration/observers/observer.js';
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
  const { scheme, bits, actBits, observer } = defaultRecipe;
  command
    .optionsGroup('Weights:')
    .option('--bits <n>', 'width of weights, 2 to 8', (text) => parseBits('--bits', text), bits)
    .option('--scheme <name>', 'weight scheme; `quantize schemes` lists them', scheme);
  addWeightSettings(command)
    .optionsGroup('Activations:')
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
    .option('--observer <name>', 'how ranges are chosen; `quantize observers` lists them', observer);
  return addLayerOptions(addActivationSettings(command));
}

/** Add `--recipe`, beside the flags that make one. */
export function addRecipeFileOption(command: Command): Command {
  return command.option('--recipe <file>', 'a recipe that --auto wrote; what other flags say wins');
}

/** Add the flags of a recipe beside its scheme, its widths and its observer. */
export function addRecipeSettings(command: Command): Command {
  addWeightSettings(command.optionsGroup('Weights:'));
  return addLayerOptions(addActivationSettings(command.optionsGroup('Activations:')));
}

function addWeightSettings(command: Command): Command {
  const { group, blocks } = defaultRecipe;
  return command
    .option('--per-tensor', 'one scale for a whole weight instead of one for each output channel')
    .option(
      '--group <channels>',
      'what shares a codebook: tensor, channel, or a number of channels',
      (text) => parseGroup('--group', text),
      group,
    )
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

function addActivationSettings(command: Command): Command {
  const { actScheme } = defaultRecipe;
  const { momentum, percentile, lsqplusConfig } = defaultObserverSettings;
  return command
    .option(
      '--act-scheme <name>',
      'levels of activations below 8 bits; `quantize act-schemes` lists them',
      actScheme,
    )
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
    );
}

function addLayerOptions(command: Command): Command {
  return command
    .optionsGroup('Layers:')
    .option(
      '--rule <pattern:settings>',
      "an exception for some layers, as 'layer3*:bits=8'; the last that matches wins",
      (text, list: Rule[] | undefined) => collect(parseRule(text), list),
    )
    .option('--exclude <pattern>', 'keep layers in float', collect<string>)
    .option('--include <pattern>', 'quantize these layers only', collect<string>)
    .option('--all-layers', 'below 8 bits: the first and the last layers too, which otherwise stay at 8');
}

/**
 * The recipe that the flags say.
 *
 * @param base - what holds where there is no flag
 */
export function recipeOf(flags: Partial<RecipeFlags>, base: Recipe = defaultRecipe): Recipe {
  const { observerSettings } = base;
  return {
    scheme: flags.scheme ?? base.scheme,
    bits: flags.bits ?? base.bits,
    granularity: flags.perTensor ? 'tensor' : base.granularity,
    group: flags.group ?? base.group,
    actBits: flags.actBits ?? base.actBits,
    dynamic: flags.dynamic ?? base.dynamic,
    matMulActivations: flags.matmulActivations ?? base.matMulActivations,
    actScheme: flags.actScheme ?? base.actScheme,
    observer: flags.observer ?? base.observer,
    observerSettings: {
      symmetric: flags.actSymmetric ?? observerSettings.symmetric,
      momentum: flags.momentum ?? observerSettings.momentum,
      percentile: flags.percentile ?? observerSettings.percentile,
      lsqplusConfig: flags.lsqplusConfig ?? observerSettings.lsqplusConfig,
    },
    exactOffset: flags.exactOffset ?? base.exactOffset,
    // Of rules that match the last wins: those of the flags.
    rules: [...base.rules, ...(flags.rule ?? [])],
    exclude: flags.exclude ?? base.exclude,
    include: flags.include ?? base.include,
    allLayers: flags.allLayers ?? base.allLayers,
    format: flags.format ?? base.format,
    blocks: {
      size: flags.block ?? base.blocks.size,
      asymmetric: flags.blockAsymmetric ?? base.blocks.asymmetric,
      accuracyLevel: flags.accuracyLevel ?? base.blocks.accuracyLevel,
    },
    reduceRange: flags.reduceRange ?? base.reduceRange,
  };
}
