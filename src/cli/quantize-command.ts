import { isDeepStrictEqual } from 'node:util';
import { Command, Option } from 'commander';
import type { InputRange } from '../../calibration/preprocess.js';
import type { Shard } from '../../calibration/source.js';
import { readConfig } from '../config/read-config.js';
import { serializeLearned } from '../emit/learned-file.js';
import { QuantizeError } from '../errors.js';
import type { EvalSet, LearningOptions, QuantizeOptions, SensitivityOptions } from '../options.js';
import { completeRecipe, defaultRecipe, type GivenRecipe, saysObserver } from '../recipe.js';
import { renderLearned } from '../report/learned-summary.js';
import { reporters } from '../report/reporters.js';
import { renderSensitivities } from '../report/sensitivity-summary.js';
import { reportEndings } from '../report/write-reports.js';
import { learnedPathOf, learnPart } from '../run/learn-part.js';
import { measureSensitivities, sensitivityPathOf } from '../run/measure-sensitivities.js';
import { quantize } from '../run/quantize.js';
import { readRecipeFile } from '../search/recipe-file.js';
import { serializeSensitivities } from '../search/sensitivity-file.js';
import { follow } from './follow.js';
import { addGateOptions, type GateFlags, gateOptionsOf, reportGates } from './gate-options.js';
import { givenFlags } from './given-flags.js';
import { openPages } from './open-page.js';
import { parseInputRange } from './parse.js';
import {
  addRecipeFileOption,
  addRecipeOptions,
  collect,
  type RecipeFlags,
  recipeOf,
} from './recipe-options.js';
import {
  addClassesOption,
  addClassNamesOption,
  addDataOption,
  addEvalSetOption,
  addLabelsOption,
  addMachineOptions,
  addMetricOption,
  addSampleOptions,
  addShardOption,
  addTrainingOptions,
  defined,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

export interface QuantizeFlags extends RecipeFlags, SampleFlags, MachineFlags, GateFlags {
  readonly config?: string;
  readonly recipe?: string;
  readonly origins?: true;
  readonly suggest?: boolean;
  readonly tuneSpeed?: true;
  readonly auto?: true;
  readonly sensitivity?: string;
  readonly shard?: Shard;
  readonly output?: string;
  readonly data?: string[];
  readonly stats?: string;
  readonly plan?: string;
  readonly learned?: string;
  readonly savePlan?: string;
  readonly saveIntegers?: string;
  readonly inputRange?: InputRange;
  readonly evalData?: string[];
  readonly labels?: string;
  readonly evalSet?: Readonly<Record<string, EvalSet>>;
  readonly classNames?: string;
  readonly trainData?: string[];
  readonly trainLabels?: string;
  readonly metric?: string;
  readonly classesAxis?: Readonly<Record<string, number>>;
  readonly report?: string[];
  readonly reporter: string;
  readonly json?: true;
  readonly open?: true;
}

const examples = `
Examples:
  quantize model.onnx --data photos/ --preprocess imagenet
  quantize model.onnx --data calib.npy --preprocess imagenet --bits 4 --eval-data test.npy --labels labels.npy
  quantize model.onnx --bits 4                       weights only, no samples needed
  quantize calibrate model.onnx --data calib.npy     once, then for any recipe:
  quantize model.onnx --stats model.stats.json --bits 4
  quantize inspect model.onnx                        the plan, without data
  quantize ci                                        what quantize.config.json says`;

/** `quantize <model>`: the main job. */
export function quantizeCommand(process: CommandProcess): Command {
  const command = new Command('quantize')
    .description('Post-training quantizer for ONNX models: float ONNX in, QDQ ONNX out, the drift measured.')
    .argument('[model]', 'the float model, a .onnx file; with --config the one that it names');
  addQuantizeOptions(command).optionsGroup('Search:');
  return addShardOption(
    command,
    'of what --auto measures of the layers, or of the blocks that reconstruct:inputs=start learns, into a file',
  )
    .addHelpText('after', examples)
    .action(async (model: string | undefined, flags: QuantizeFlags) => {
      const given = givenFlags(command, flags);
      const job = await withRecipeFile(await jobOf(model, flags), flags);
      const sources = [flags.config, flags.recipe].filter((path) => path !== undefined);
      const options = { ...optionsOf(given, job), sources };
      if (flags.sensitivity !== undefined && !options.auto) {
        const problem = 'has no use without --auto';
        throw new QuantizeError('bad-option', {
          flag: '--sensitivity',
          problem,
          mend: 'Give --auto and its limits.',
        });
      }
      const { shard } = flags;
      if (shard) {
        const makePart = options.auto ? measureSome : learnSome;
        await makePart(process, flags, { ...options, shard });
        return;
      }
      const result = await follow(process, flags, (hooks) => quantize({ ...options, ...hooks }));
      const format = flags.json ? 'json' : flags.reporter;
      const reporter = reporters.find((candidate) => candidate.name === format);
      process.stdout.write((await reporter?.render(result)) ?? '');
      reportGates(process, result);
      if (flags.open) openPages(process, options.reports ?? []);
    });
}

/** One part of what --auto measures, into a file. */
async function measureSome(
  process: CommandProcess,
  flags: QuantizeFlags,
  options: SensitivityOptions,
): Promise<void> {
  const output = options.output ?? sensitivityPathOf(options);
  const record = await follow(process, flags, (hooks) =>
    measureSensitivities({ ...options, output, ...hooks }),
  );
  process.stdout.write(flags.json ? serializeSensitivities(record) : renderSensitivities(record, output));
}

/** One part of the blocks that a refiner learns, into a file. */
async function learnSome(
  process: CommandProcess,
  flags: QuantizeFlags,
  options: LearningOptions,
): Promise<void> {
  const output = options.output ?? learnedPathOf(options);
  const record = await follow(process, flags, (hooks) => learnPart({ ...options, output, ...hooks }));
  process.stdout.write(flags.json ? serializeLearned(record) : renderLearned(record, output));
}

/** What the command line replaces parts of: the one model of a configuration, or the model alone. */
async function jobOf(model: string | undefined, { config }: QuantizeFlags): Promise<QuantizeOptions> {
  if (config !== undefined) {
    const { jobs, path } = await readConfig({ path: config, model });
    const [job, ...others] = jobs;
    if (job && others.length === 0) return job;
    const problem = `names ${path}, which has ${jobs.length} models`;
    const mend = `Run all of them: \`quantize ci --config ${path}\`.`;
    throw new QuantizeError('bad-option', { flag: '--config', problem, mend });
  }
  if (model !== undefined) return { model };
  const mend =
    'Give a .onnx file; `quantize --help` shows examples, and `quantize ci` does what a configuration says.';
  throw new QuantizeError('bad-option', { flag: '<model>', problem: 'is missing', mend });
}

/**
 * The job with the recipe of a file, where one is named. It takes the place of the job's whole recipe: what such a file does
 * not say is as it is by default.
 */
export async function withRecipeFile(
  job: QuantizeOptions,
  { recipe }: Pick<QuantizeFlags, 'recipe'>,
): Promise<QuantizeOptions> {
  return recipe === undefined ? job : { ...job, recipe: await readRecipeFile(recipe) };
}

/** Add the flags of the main job. */
export function addQuantizeOptions(command: Command): Command {
  command
    .optionsGroup('Files:')
    .option(
      '-o, --output <file>',
      'the quantized model (default: beside the input, as model.minmax-w8a8.onnx)',
    )
    .option('--config <file>', 'take what the flags do not say from this file, as quantize.config.json');
  addDataOption(command, '; without them weights alone are quantized').option(
    '--eval-data <[input=]path>',
    'samples to measure on (default: the calibration samples)',
    collect<string>,
  );
  addTrainingOptions(
    addMetricOption(addClassNamesOption(addClassesOption(addEvalSetOption(addLabelsOption(command))))),
  );
  addSampleOptions(command)
    .option('--stats <file>', 'statistics of `quantize calibrate`, instead of a calibration on --data')
    .option(
      '--plan <file>',
      'every number from a plan that --save-plan wrote: nothing is calibrated or chosen',
    )
    .option(
      '--learned <file>',
      'blocks that reconstruct:inputs=start is to learn, from a file that `quantize merge` wrote of its shards',
    )
    .option('--save-plan <file>', 'save every number of the quantized model, for --plan')
    .option(
      '--save-integers <file>',
      'save the network in integers alone, .json or .npz: int8 weights, int32 biases, M0 and shift of each channel',
    )
    .option(
      '--input-range <low,high>',
      "what the model's inputs can hold, for --observer dfq (default: from --preprocess)",
      parseInputRange,
    );
  addRecipeFileOption(addRecipeOptions(command))
    .optionsGroup('Search:')
    .option('--origins', 'measure where the drift comes from: each layer quantized alone')
    .option('--suggest', 'try what mends the worst layers, and say what it costs and brings')
    .option('--tune-speed', 'let layers that are faster so here calculate in float, found by timing')
    .option('--no-suggest', 'try nothing, not even a little where an output is far off')
    .option(
      '--auto',
      'choose bits and scheme of each layer by measuring, under the gates on top1_drop, agreement, sqnr and size',
    )
    .option(
      '--sensitivity <file>',
      'what --auto is to measure of each layer, from a file that `quantize merge` wrote of its shards',
    );
  addGateOptions(command);
  command
    .optionsGroup('Result:')
    .option('--json', 'print the result record, the same as --reporter json')
    .addOption(
      new Option('--reporter <name>', 'print the result in this format; `quantize reporters` lists them')
        .choices(reporters.map(({ name }) => name))
        .default('terminal'),
    )
    .option(
      '--report <file>',
      `write a report, repeatable; the file's ending says which: ${reportEndings.join(', ')}`,
      collect<string>,
    )
    .option('--open', 'open the page that --report writes in a browser');
  return addMachineOptions(command);
}

/**
 * What the flags of the main job say.
 *
 * @param given - the flags on the command line, without defaults
 * @param job - what holds where there is no flag
 */
export function optionsOf(given: Partial<QuantizeFlags>, job: QuantizeOptions): QuantizeOptions {
  const { output, data, stats, inputRange, evalData, labels, metric, trainData, trainLabels } = given;
  const { threads, maxMemory, provider, report, plan, savePlan, saveIntegers } = given;
  const auto = given.auto ? (job.auto ?? {}) : job.auto;
  return {
    ...job,
    ...defined({ output, data, stats, inputRange, evalData, labels, metric, threads, maxMemory, provider }),
    ...defined({ trainData, trainLabels }),
    ...(report && { reports: [...(job.reports ?? []), ...report] }),
    ...sampleOptionsOf(given, job),
    ...gateOptionsOf(given, job),
    ...defined({
      classesAxis: given.classesAxis,
      evalSets: given.evalSet,
      classNames: given.classNames,
      origins: given.origins,
      tuneSpeed: given.tuneSpeed,
      suggest: given.suggest,
      plan,
      learned: given.learned,
      savePlan,
      saveIntegers,
    }),
    ...(auto && { auto: { ...auto, ...defined({ scheme: given.scheme, sensitivity: given.sensitivity }) } }),
    recipe: plan !== undefined && !hasRecipe(given) ? undefined : recipeFrom(given, job.recipe),
  };
}

/** The recipe of the flags; its observer is left to be the usual one where neither flags nor the job name one. */
function recipeFrom(given: Partial<QuantizeFlags>, base: GivenRecipe | undefined): GivenRecipe {
  const recipe = recipeOf(given, completeRecipe(base));
  const { activations } = recipe;
  if (given.observer !== undefined || saysObserver(base) || activations.kind !== 'static') return recipe;
  const { observer: _, ...others } = activations;
  return { ...recipe, activations: others };
}

/** Whether a flag says anything of the recipe. */
const hasRecipe = (given: Partial<QuantizeFlags>): boolean =>
  given.recipe !== undefined || !isDeepStrictEqual(recipeOf(given, defaultRecipe), defaultRecipe);
