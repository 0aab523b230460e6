import { Command, Option } from 'commander';
import { readers } from '../../calibration/readers/readers.js';
import type { EvalSet } from '../options.js';
import { reporters } from '../report/reporters.js';
import { reportEndings } from '../report/write-reports.js';
import { compare } from '../run/compare.js';
import { follow } from './follow.js';
import { addGateOptions, type GateFlags, gateOptionsOf, reportGates } from './gate-options.js';
import { collect, listOf } from './recipe-options.js';
import {
  addClassesOption,
  addClassNamesOption,
  addEvalSetOption,
  addLabelsOption,
  addMetricOption,
  addProviderOption,
  addSampleOptions,
  addThreadsOption,
  addVoiceOptions,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface CompareFlags extends SampleFlags, GateFlags, Omit<MachineFlags, 'maxMemory'> {
  readonly data?: string[];
  readonly labels?: string;
  readonly evalSet?: Readonly<Record<string, EvalSet>>;
  readonly classNames?: string;
  readonly metric?: string;
  readonly classesAxis?: Readonly<Record<string, number>>;
  readonly reporter: string;
  readonly report?: string[];
  readonly json?: true;
}

const examples = `
Examples:
  quantize compare model.onnx model.int8.onnx --data test.npy --preprocess imagenet --labels labels.npy
  quantize compare model.onnx model.fp16.onnx --data test.npz --metric ./iou.mjs --json`;

/** `quantize compare <float> <new>`: any two models with the same inputs. */
export function compareCommand(process: CommandProcess): Command {
  const command = new Command('compare')
    .description(
      'measure any quantized model against the float one: QDQ, integer operators or float16, by whatever tool',
    )
    .argument('<float>', 'the float model, a .onnx file')
    .argument('<new>', 'the model that it became, a .onnx file')
    .option(
      '--data <[input=]path>',
      `samples to measure on, repeatable: ${listOf(readers)}; without them seeded random input`,
      collect<string>,
    );
  addMetricOption(addClassNamesOption(addClassesOption(addEvalSetOption(addLabelsOption(command)))));
  addSampleOptions(command, 'measure on this many samples, chosen by the seed');
  addGateOptions(command).optionsGroup('Result:');
  return addVoiceOptions(addProviderOption(addThreadsOption(command)))
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
    .action(async (float: string, quantized: string, flags: CompareFlags) => {
      const { data, labels, metric, threads, provider } = flags;
      const result = await follow(process, flags, (hooks) =>
        compare({
          float,
          quantized,
          data,
          labels,
          evalSets: flags.evalSet,
          metric,
          classesAxis: flags.classesAxis,
          classNames: flags.classNames,
          reports: flags.report,
          threads,
          provider,
          ...sampleOptionsOf(flags),
          ...gateOptionsOf(flags),
          ...hooks,
        }),
      );
      const format = flags.json ? 'json' : flags.reporter;
      const reporter = reporters.find((candidate) => candidate.name === format);
      process.stdout.write((await reporter?.render(result)) ?? '');
      reportGates(process, result);
    });
}
