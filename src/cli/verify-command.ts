import { Command } from 'commander';
import type { InputRange } from '../../calibration/preprocess.js';
import { exitCodes } from '../errors.js';
import { renderVerification } from '../report/verification.js';
import { verify } from '../run/verify.js';
import { follow } from './follow.js';
import { parseInputRange } from './parse.js';
import {
  addDataOption,
  addMachineOptions,
  addSampleOptions,
  addTrainingOptions,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface VerifyFlags extends SampleFlags, MachineFlags {
  readonly from: string;
  readonly data?: string[];
  readonly trainData?: string[];
  readonly trainLabels?: string;
  readonly stats?: string;
  readonly plan?: string;
  readonly inputRange?: InputRange;
  readonly json?: true;
}

const notes = `
The recipe in the file's metadata is run again and every byte compared. Samples and their preprocessing are not in the file:
give them as they were given then, or the statistics or the plan that were kept. Exit code 0 where every byte is the same,
1 where one is not: tensors with their layers, nodes and metadata that the recipe does not explain are named.

Examples:
  quantize verify model.minmax-w8a8.onnx --from model.onnx --data calib.npy --preprocess imagenet
  quantize verify model.minmax-w8a8.onnx --from model.onnx --stats model.stats.json
  quantize verify model.w4.onnx --from model.onnx`;

/** `quantize verify <quantized> --from <float>`: whether a file is what it says. */
export function verifyCommand(process: CommandProcess): Command {
  const command = new Command('verify')
    .description('make a quantized model again by its own recipe, and compare every byte')
    .argument('<quantized>', 'the model that this tool made, a .onnx file')
    .requiredOption('--from <file>', 'the float model that it was made from');
  addSampleOptions(
    addTrainingOptions(addDataOption(command, '')),
    'as many as then (default: as the file says)',
  )
    .option('--stats <file>', 'statistics of `quantize calibrate`, in place of samples')
    .option('--plan <file>', 'the plan that --save-plan kept, in place of samples')
    .option('--input-range <low,high>', 'as then, for --observer dfq', parseInputRange)
    .optionsGroup('Result:')
    .option('--json', 'print what was found as one JSON record');
  return addMachineOptions(command)
    .addHelpText('after', notes)
    .action(async (quantized: string, flags: VerifyFlags) => {
      const { trainData, trainLabels } = flags;
      const { from, data, stats, plan, inputRange, threads, maxMemory, provider, json } = flags;
      const found = await follow(process, flags, (hooks) =>
        verify({
          ...{ quantized, from, data, stats, plan, inputRange, threads, maxMemory, provider },
          ...{ trainData, trainLabels },
          ...sampleOptionsOf(flags),
          ...hooks,
        }),
      );
      process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : renderVerification(found));
      if (!found.holds) process.exitCode = exitCodes.gateFailed;
    });
}
