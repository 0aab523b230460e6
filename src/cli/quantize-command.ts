import { Command, Option } from 'commander';
import { readers } from '../../calibration/readers/readers.js';
import { quantize } from '../pipeline.js';
import { reporters } from '../report/reporters.js';
import { type PreprocessFlags, parseCount, parsePreprocess, parseThreads } from './parse.js';
import { addRecipeOptions, collect, listOf, type RecipeFlags, recipeOf } from './recipe-options.js';
import type { CommandProcess } from './streams.js';

interface QuantizeFlags extends RecipeFlags, PreprocessFlags {
  readonly output?: string;
  readonly data?: string[];
  readonly evalData?: string[];
  readonly labels?: string;
  readonly samples?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly reporter: string;
  readonly json?: true;
}

const examples = `
Examples:
  quantize model.onnx --data calib.npy --preprocess imagenet
  quantize model.onnx --data calib.npy --preprocess imagenet --bits 4 --eval-data test.npy --labels labels.npy
  quantize model.onnx --bits 4                       weights only, no samples needed
  quantize inspect model.onnx                        the plan, without data`;

/** `quantize <model>`: the main job. */
export function quantizeCommand(process: CommandProcess): Command {
  const command = new Command('quantize')
    .description('Post-training quantizer for ONNX models: float ONNX in, QDQ ONNX out, the drift measured.')
    .argument('<model>', 'the float model, a .onnx file')
    .option(
      '-o, --output <file>',
      'the quantized model (default: beside the input, as model.minmax-w8a8.onnx)',
    )
    .option(
      '--data <[input=]path>',
      `calibration samples, repeatable: ${listOf(readers)}; without them weights alone are quantized`,
      collect<string>,
    )
    .option(
      '--eval-data <[input=]path>',
      'samples to measure on (default: the calibration samples)',
      collect<string>,
    )
    .option('--labels <path>', 'the class of each sample to measure on (.npy)')
    .option('--samples <n>', 'calibrate on this many samples, chosen by the seed', (text) =>
      parseCount('--samples', text, 1),
    )
    .option('--seed <n>', 'seed of every choice (default: 0)', (text) => parseCount('--seed', text, 0))
    .option('--preprocess <preset>', 'how integer samples become floats: imagenet or none')
    .option('--scale <x>', 'multiply samples by this first, as 1/255')
    .option('--mean <x,…>', 'then subtract this, one value or one a channel')
    .option('--std <x,…>', 'then divide by this, one value or one a channel')
    .option('--layout <layout>', 'layout of the samples, nhwc or nchw, where their shape does not tell');
  return addRecipeOptions(command)
    .option(
      '--threads <n>',
      'threads for comparing the models (default: all cores; the file does not depend on it)',
      (text) => parseThreads('--threads', text),
    )
    .addOption(
      new Option('--reporter <name>', `print the result as: ${listOf(reporters)}`)
        .choices(reporters.map(({ name }) => name))
        .default('terminal'),
    )
    .option('--json', 'the same as --reporter json')
    .addHelpText('after', examples)
    .action(async (model: string, flags: QuantizeFlags) => {
      const { output, data, evalData, labels, samples, seed, threads } = flags;
      const result = await quantize({
        model,
        output,
        data,
        evalData,
        labels,
        samples,
        seed,
        threads,
        preprocess: parsePreprocess(flags),
        recipe: recipeOf(flags),
        onStep: (step) => showStep(process, `${step} …`),
      });
      showStep(process, '');
      const format = flags.json ? 'json' : flags.reporter;
      const reporter = reporters.find((candidate) => candidate.name === format);
      process.stdout.write(reporter?.render(result) ?? '');
    });
}

/** The step at work, on one line of a terminal that the next one overwrites; nothing where there is no terminal. */
function showStep({ stderr }: CommandProcess, text: string): void {
  if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
}
