import { Command } from 'commander';
import { readers } from '../../calibration/readers/readers.js';
import { renderIntegers } from '../report/integers.js';
import { integers } from '../run/integers.js';
import { follow } from './follow.js';
import { collect, listOf } from './recipe-options.js';
import {
  addLabelsOption,
  addSampleOptions,
  addThreadsOption,
  addVoiceOptions,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface IntegersFlags extends SampleFlags, Omit<MachineFlags, 'maxMemory' | 'provider'> {
  readonly output?: string;
  readonly from?: string;
  readonly data?: string[];
  readonly labels?: string;
  readonly json?: true;
}

const examples = `
Examples:
  quantize integers model.int8.onnx
  quantize integers model.int8.onnx -o model.integers.npz
  quantize integers model.int8.onnx --from model.onnx --data test.npy --preprocess imagenet --labels labels.npy`;

/** `quantize integers <quantized>`: the network in integers alone. */
export function integersCommand(process: CommandProcess): Command {
  const command = new Command('integers')
    .description(
      'a quantized model as a network in integers alone: M0 and shifts for other kernels, run beside onnxruntime',
    )
    .argument('<quantized>', 'the quantized model, in QDQ or operator form, whoever made it, a .onnx file')
    .option('-o, --output <file>', 'write the network, as .json or .npz')
    .option('--from <file>', 'the float model, to state its accuracy beside')
    .option(
      '--data <[input=]path>',
      `samples to run in integers and in onnxruntime, repeatable: ${listOf(readers)}`,
      collect<string>,
    );
  addSampleOptions(addLabelsOption(command), 'run this many samples, chosen by the seed').optionsGroup(
    'Result:',
  );
  return addVoiceOptions(addThreadsOption(command))
    .option('--json', 'print what was found as one JSON record')
    .addHelpText('after', examples)
    .action(async (quantized: string, flags: IntegersFlags) => {
      const { output, from, data, labels, threads, json } = flags;
      const found = await follow(process, flags, (hooks) =>
        integers({ quantized, output, from, data, labels, threads, ...sampleOptionsOf(flags), ...hooks }),
      );
      process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : renderIntegers(found));
    });
}
