import { Command } from 'commander';
import type { Shard } from '../../calibration/source.js';
import type { Recipe } from '../recipe.js';
import { renderStatistics } from '../report/statistics-summary.js';
import { calibrate } from '../run/calibrate.js';
import { follow } from './follow.js';
import { addFormOptions } from './recipe-options.js';
import {
  addDataOption,
  addMachineOptions,
  addSampleOptions,
  addShardOption,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface CalibrateFlags extends SampleFlags, MachineFlags, Pick<Recipe, 'equalize' | 'smooth'> {
  readonly output?: string;
  readonly data: string[];
  readonly shard?: Shard;
  readonly json?: true;
}

const examples = `
Examples:
  quantize calibrate model.onnx --data calib.npy --preprocess imagenet
  quantize model.onnx --stats model.stats.json --bits 4
  quantize calibrate model.onnx --data calib.npy --preprocess imagenet --shard 2/8`;

/** `quantize calibrate <model>`: one pass over the samples, for any number of recipes. */
export function calibrateCommand(process: CommandProcess): Command {
  const command = new Command('calibrate')
    .description(
      'keep what the activations hold in a file, for --stats: ten recipes then cost one calibration',
    )
    .argument('<model>', 'the float model, a .onnx file')
    .option(
      '-o, --output <file>',
      'the statistics (default: beside the model, as model.stats.json or model.stats.2-of-8.json)',
    );
  addShardOption(addSampleOptions(addDataOption(command, '')), 'of the samples')
    .optionsGroup('Result:')
    .option('--json', 'print what was written as one JSON record');
  return addMachineOptions(addFormOptions(command))
    .addHelpText('after', examples)
    .action(async (model: string, flags: CalibrateFlags) => {
      const { output, data, shard, equalize, smooth, threads, maxMemory, provider, json } = flags;
      const summary = await follow(process, flags, (hooks) =>
        calibrate({
          model,
          output,
          data,
          shard,
          equalize,
          smooth,
          threads,
          maxMemory,
          provider,
          ...sampleOptionsOf(flags),
          ...hooks,
        }),
      );
      process.stdout.write(json ? `${JSON.stringify(summary, null, 2)}\n` : renderStatistics(summary));
    });
}
