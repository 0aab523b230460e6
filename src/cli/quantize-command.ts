import { Command, Option } from 'commander';
import type { InputRange } from '../../calibration/preprocess.js';
import { exitCodes } from '../errors.js';
import { quantize } from '../pipeline.js';
import { reporters } from '../report/reporters.js';
import { reportEndings } from '../report/write-reports.js';
import { readRecipeFile } from '../search/recipe-file.js';
import { follow } from './follow.js';
import { addLimitOptions, type LimitFlags, limitsOf } from './limits.js';
import { parseInputRange } from './parse.js';
import {
  addRecipeOptions,
  collect,
  givenRecipeOf,
  listOf,
  overridden,
  type RecipeFlags,
  recipeOf,
} from './recipe-options.js';
import {
  addDataOption,
  addLabelsOption,
  addMachineOptions,
  addMetricOption,
  addSampleOptions,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface QuantizeFlags extends RecipeFlags, SampleFlags, MachineFlags, LimitFlags {
  readonly output?: string;
  readonly data?: string[];
  readonly stats?: string;
  readonly inputRange?: InputRange;
  readonly evalData?: string[];
  readonly labels?: string;
  readonly metric?: string;
  readonly reporter: string;
  readonly report?: string[];
  readonly json?: true;
  readonly recipe?: string;
  readonly origins?: true;
  readonly suggest?: true;
  readonly auto?: true;
}

const examples = `
Examples:
  quantize model.onnx --data photos/ --preprocess imagenet
  quantize model.onnx --data calib.npy --preprocess imagenet --bits 4 --eval-data test.npy --labels labels.npy
  quantize model.onnx --bits 4                       weights only, no samples needed
  quantize calibrate model.onnx --data calib.npy     once, then for any recipe:
  quantize model.onnx --stats model.stats.json --bits 4
  quantize model.onnx --data calib.npy --preprocess imagenet --auto --max-drop 0.5%
  quantize inspect model.onnx                        the plan, without data
  quantize compare model.onnx other.onnx --data test.npy    any two models, side by side`;

/** `quantize <model>`: the main job. */
export function quantizeCommand(process: CommandProcess): Command {
  const command = new Command('quantize')
    .description('Post-training quantizer for ONNX models: float ONNX in, QDQ ONNX out, the drift measured.')
    .argument('<model>', 'the float model, a .onnx file')
    .option(
      '-o, --output <file>',
      'the quantized model (default: beside the input, as model.minmax-w8a8.onnx)',
    );
  addDataOption(command, '; without them weights alone are quantized')
    .option('--stats <file>', 'statistics of `quantize calibrate`, instead of a calibration on --data')
    .option(
      '--input-range <low,high>',
      "what the model's inputs can hold, for --observer dfq (default: from --preprocess)",
      parseInputRange,
    )
    .option(
      '--eval-data <[input=]path>',
      'samples to measure on (default: the calibration samples)',
      collect<string>,
    );
  addMetricOption(addLabelsOption(command));
  addRecipeOptions(addSampleOptions(command));
  command
    .option('--recipe <file>', 'a recipe that --auto wrote; flags beside it win')
    .option('--origins', 'measure where the drift comes from: each layer quantized alone')
    .option('--suggest', 'try what mends the worst layers, and say what it costs and brings')
    .option(
      '--auto',
      'choose bits and scheme of each layer by measuring, under --max-drop, --min-sqnr or --max-size',
    );
  addLimitOptions(command);
  return addMachineOptions(command)
    .addOption(
      new Option('--reporter <name>', `print the result as: ${listOf(reporters)}`)
        .choices(reporters.map(({ name }) => name))
        .default('terminal'),
    )
    .option('--json', 'the same as --reporter json')
    .option(
      '--report <file>',
      `write a report, repeatable; the file's ending says which: ${reportEndings.join(', ')}`,
      collect<string>,
    )
    .addHelpText('after', examples)
    .action(async (model: string, flags: QuantizeFlags, self: Command) => {
      const { output, data, stats, inputRange, evalData, labels, metric } = flags;
      const { threads, maxMemory, provider, quiet } = flags;
      const isGiven = (flag: string) => self.getOptionValueSource(flag) === 'cli';
      const recipe = flags.recipe
        ? overridden(await readRecipeFile(flags.recipe), givenRecipeOf(flags, isGiven))
        : recipeOf(flags);
      const scheme = isGiven('scheme') ? flags.scheme : undefined;
      const auto = flags.auto && { ...limitsOf(flags), scheme };
      const result = await follow(process, quiet, (hooks) =>
        quantize({
          model,
          output,
          data,
          stats,
          inputRange,
          evalData,
          labels,
          metric,
          threads,
          maxMemory,
          provider,
          ...sampleOptionsOf(flags),
          recipe,
          reports: flags.report,
          origins: flags.origins,
          suggest: flags.suggest,
          auto,
          ...hooks,
        }),
      );
      const format = flags.json ? 'json' : flags.reporter;
      const reporter = reporters.find((candidate) => candidate.name === format);
      process.stdout.write((await reporter?.render(result)) ?? '');
      if (result.search && !result.search.verified.met) process.exitCode = exitCodes.gateFailed;
    });
}
