import { Command, Option } from 'commander';
import { exitCodes } from '../errors.js';
import { targets } from '../place/targets/targets.js';
import { renderTargetCheck } from '../report/target-check.js';
import { check } from '../run/check.js';
import type { CommandProcess } from './streams.js';

const notes = `
Nothing is run, and no samples are needed. Exit code 0 where every rule that the target needs is kept, 1 where one is broken;
rules that only cost speed are listed, and break nothing. \`quantize targets\` lists the targets.

Example:
  quantize check model.int8.onnx --target tensorrt`;

/** `quantize check <quantized> --target <name>`: whether another runtime takes the file. */
export function checkCommand(process: CommandProcess): Command {
  return new Command('check')
    .description(
      'whether another runtime takes a quantized file: its rules, each with its source, and what breaks them',
    )
    .argument('<quantized>', 'the quantized model, whoever made it, a .onnx file')
    .addOption(
      new Option('--target <name>', 'the runtime that it is for')
        .choices(targets.map(({ name }) => name))
        .makeOptionMandatory(),
    )
    .option('--json', 'print every rule and what breaks it as one JSON record')
    .addHelpText('after', notes)
    .action(async (model: string, { target, json }: { target: string; json?: true }) => {
      const found = await check({ model, target });
      process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : renderTargetCheck(found));
      if (!found.holds) process.exitCode = exitCodes.gateFailed;
    });
}
