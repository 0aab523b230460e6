import { Command, Option } from 'commander';
import type { LsqplusConfig } from '../../calibration/observers/observer.js';
import type { InputRange } from '../../calibration/preprocess.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { Shard } from '../../calibration/source.js';
import type { EvalSet, SweepOptions } from '../options.js';
import { schemes } from '../quantize/schemes/schemes.js';
import { parseSetting, type Setting } from '../recipe/setting.js';
import {
  AUTO,
  defaultRecipe,
  type Granularity,
  type Group,
  layerSettings,
  NONE,
  settings,
} from '../recipe.js';
import { registries } from '../registries.js';
import { quantizeCommandLine } from '../report/reproduce.js';
import { renderTable } from '../sweep/render-table.js';
import { runOf, sweep } from '../sweep/sweep.js';
import { serializeSweep } from '../sweep/sweep-file.js';
import { follow } from './follow.js';
import { parseBytes, parseCount, parseInputRange, parseList, parseNumber, parsePercent } from './parse.js';
import { addRecipeOptions, collect, type RecipeFlags, recipeOf } from './recipe-options.js';
import {
  addDataOption,
  addEvalSetOption,
  addLabelsOption,
  addMachineOptions,
  addSampleOptions,
  addShardOption,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

/** Settings of a recipe that are lists here, and what has no place in a table of widths. */
const notShared = [
  ...['--scheme', '--bits', '--act-bits', '--observer', '--dynamic', '--refine'],
  ...['--act-scheme', '--group', '--lsqplus-config'],
];

interface SweepFlags
  extends Omit<RecipeFlags, 'lsqplusConfig' | 'group' | 'actScheme'>,
    SampleFlags,
    MachineFlags {
  readonly output?: string;
  readonly report?: string[];
  readonly actSchemes?: string[];
  readonly lsqplusConfig?: LsqplusConfig[];
  readonly granularities?: Granularity[];
  readonly groups?: Group[];
  readonly seeds?: number[];
  readonly schemes: string[];
  readonly bits: number[];
  readonly actBits?: (number | 'float')[];
  readonly observers: string[];
  readonly refine?: string[];
  readonly data?: string[];
  readonly stats?: string;
  readonly inputRange?: InputRange;
  readonly evalData?: string[];
  readonly labels?: string;
  readonly evalSet?: Readonly<Record<string, EvalSet>>;
  readonly speed?: true;
  readonly shard?: Shard;
  readonly maxSize?: number;
  readonly maxDrift?: number;
  readonly minSqnr?: number;
  readonly json?: true;
}

const examples = `
Examples:
  quantize sweep model.onnx --schemes kmeans,wentropy,mse --bits 2,3,4,8 --act-bits 8,4 --observers mse \\
    --data calib.npy --preprocess imagenet --eval-data test.npy --labels labels.npy --report sweep.html
  quantize sweep model.onnx --schemes minmax,kmeans --bits 4,8 --max-size 300KB     weights only, no samples needed

A run that was stopped goes on where it was when the same command is given again.`;

/** `quantize sweep <model>`: every combination of schemes and widths, measured. */
export function sweepCommand(process: CommandProcess): Command {
  const { scheme, bits } = defaultRecipe;
  const observer = settings.activations.observer.usual;
  const command = new Command('sweep')
    .description(
      'measure every combination of schemes and widths: one calibration, a table, and the best under a limit',
    )
    .argument('<model>', 'the float model, a .onnx file')
    .optionsGroup('Sweep:')
    .option(
      '-o, --output <file>',
      'the record, kept after every combination (default: beside the model, as model.sweep.json)',
    )
    .option(
      '--report <file>',
      'the picture and the table as .html, the table as .csv or .tex; repeatable',
      collect<string>,
    )
    .option('--speed', 'time every model against float, too')
    .addOption(
      new Option(
        '--scheme, --schemes <names>',
        `weight schemes: ${schemes.map(({ name }) => name).join(', ')}`,
      )
        .argParser((text) => listed('--schemes', settings.scheme, text))
        .default([scheme], scheme),
    )
    .addOption(
      new Option('--bits <n,…>', 'widths of weights, 2 to 8')
        .argParser((text) => listed('--bits', settings.bits, text))
        .default([bits], String(bits)),
    )
    .option(
      '--act-bits <n,…>',
      'widths of activations, 2 to 8, or float (default: 8, without samples float)',
      (text) => listed('--act-bits', layerSettings.actBits, text),
    )
    .addOption(
      new Option(
        '--observer, --observers <names>',
        `activation ranges: ${rangeSources.map(({ name }) => name).join(', ')}`,
      )
        .argParser((text) => listed('--observers', settings.activations.observer, text))
        .default([observer], observer),
    )
    .addOption(
      new Option(
        '--refine <names>',
        `what refines, repeatable, each time another choice: ${AUTO}, ${NONE}, or a list as moments,second-order (default: ${AUTO})`,
      ).argParser((text, list: string[] | undefined) => [
        ...(list ?? []),
        parseSetting(settings.refine, text, registries),
      ]),
    )
    .option('--act-scheme, --act-schemes <names>', 'levels of activations below 8 bits', (text) =>
      listed('--act-schemes', settings.activations.levels, text),
    )
    .option('--lsqplus-config <n,…>', 'configurations of the lsqplus observer, 1 to 4', (text) =>
      listed('--lsqplus-config', settings.activations.observerSettings.lsqplusConfig, text),
    )
    .option('--granularities <names>', 'what has a scale of its own: tensor, channel', (text) =>
      listed('--granularities', settings.granularity, text),
    )
    .option(
      '--group, --groups <channels>',
      'what shares a codebook: tensor, channel, or numbers of channels',
      (text) => listed('--groups', settings.group, text),
    )
    .option('--seeds <n,…>', 'each combination by each seed: means and standard deviations', (text) =>
      parseList('--seeds', text, (part) => parseCount('--seeds', part, 0)),
    )
    .option('--max-size <bytes>', 'choose the best file of at most this size, as 300KB', (text) =>
      parseBytes('--max-size', text),
    )
    .option(
      '--max-drift <percent>',
      'choose among those that lose at most this much top-1, as 0.5%; without labels: whose top-1 differs on that share',
      (text) => parsePercent('--max-drift', text),
    )
    .option('--min-sqnr <dB>', 'choose among those whose outputs all have at least this SQNR', (text) =>
      parseNumber('--min-sqnr', text),
    );
  addDataOption(command, '; without them weights alone are quantized')
    .option('--stats <file>', 'statistics of `quantize calibrate`, instead of a calibration on --data')
    .option(
      '--input-range <low,high>',
      "what the model's inputs can hold, for --observers dfq (default: from --preprocess)",
      parseInputRange,
    )
    .option(
      '--eval-data <[input=]path>',
      'samples to measure on (default: the calibration samples)',
      collect<string>,
    );
  addRecipeOptions(addSampleOptions(addEvalSetOption(addLabelsOption(command))), notShared);
  addShardOption(command.optionsGroup('Sweep:'), 'of the combinations');
  return addMachineOptions(command)
    .option('--json', 'print the record instead of the table')
    .addHelpText('after', examples)
    .action(async (model: string, flags: SweepFlags) => {
      const { output, report, data, stats, inputRange, evalData, labels, threads, maxMemory, provider } =
        flags;
      const options: SweepOptions = {
        ...{ model, output, report, data, stats, inputRange, evalData, labels, threads, maxMemory, provider },
        ...sampleOptionsOf(flags),
        evalSets: flags.evalSet,
        schemes: flags.schemes,
        bits: flags.bits,
        actBits: flags.actBits,
        observers: flags.observers,
        refines: flags.refine,
        actSchemes: flags.actSchemes,
        lsqplusConfigs: flags.lsqplusConfig,
        granularities: flags.granularities,
        groups: flags.groups,
        seeds: flags.seeds,
        recipe: recipeOf({
          ...flags,
          scheme: undefined,
          bits: undefined,
          actBits: undefined,
          observer: undefined,
          refine: undefined,
          lsqplusConfig: undefined,
          group: undefined,
          actScheme: undefined,
        }),
        speed: flags.speed,
        shard: flags.shard,
        limits: { maxSizeBytes: flags.maxSize, maxDrift: flags.maxDrift, minSqnrDb: flags.minSqnr },
      };
      const record = await follow(process, flags, (hooks) => sweep({ ...options, ...hooks }));
      const best = record.results.find(({ name }) => name === record.choice?.name);
      const command = best && quantizeCommandLine(runOf(options), best.recipe, (path) => path);
      process.stdout.write(flags.json ? serializeSweep(record) : renderTable(record, command));
    });
}

/** Values with commas between. */
const listed = <T>(flag: string, setting: Setting<T>, text: string): T[] =>
  parseList(flag, text, (part) => parseSetting(setting, part, registries, flag));
