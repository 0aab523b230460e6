import { Command } from 'commander';
import { exitCodes } from '../errors.js';
import { escapeControls } from '../report/escape.js';
import { sizeRatio, worstOfEach } from '../report/facts.js';
import { alignColumns, formatBytes, formatFixed } from '../report/format.js';
import type { Result } from '../report/result.js';
import { dtypes } from '../transformers-js/dtypes.js';
import { fillFolder, type Outcome } from '../transformers-js/fill-folder.js';
import { follow } from './follow.js';
import { collect, listOf } from './recipe-options.js';
import {
  addSampleOptions,
  addThreadsOption,
  addVoiceOptions,
  type MachineFlags,
  type SampleFlags,
  sampleOptionsOf,
} from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface TransformersJsFlags extends SampleFlags, Omit<MachineFlags, 'maxMemory' | 'provider'> {
  readonly dtype?: string[];
  readonly data?: string[];
  readonly evalData?: string[];
  readonly force?: true;
  readonly json?: true;
}

const notes = `
The folder is a repository as Hugging Face has it: model.onnx, or encoder_model.onnx, decoder_model_merged.onnx and so on in
its folder onnx. Each file is written beside its model and compared with it on --eval-data, else on --data, else on random
input. Samples can be text, a line each: the folder's own tokenizer reads it.

Examples:
  quantize transformers-js my-model
  quantize transformers-js my-model --data sentences.txt --eval-data others.txt
  quantize transformers-js my-model --dtype q4 --force`;

/** `quantize transformers-js <folder>`: the files that transformers.js looks for. */
export function transformersJsCommand(process: CommandProcess): Command {
  const command = new Command('transformers-js')
    .description(
      'make the files that transformers.js looks for by its option dtype, beside each model of a folder',
    )
    .argument('<folder>', 'a folder with models in onnx/')
    .option('--dtype <name>', `make this file alone, repeatable: ${listOf(dtypes)}`, collect<string>)
    .option('--force', 'write over files that are there')
    .option('--data <[input=]path>', 'samples that weights are refined on, repeatable', collect<string>)
    .option('--eval-data <[input=]path>', 'samples to measure on, repeatable', collect<string>);
  addSampleOptions(command, 'measure on this many samples, chosen by the seed').optionsGroup('Result:');
  return addVoiceOptions(addThreadsOption(command))
    .option('--json', 'print what was made as one JSON list')
    .addHelpText('after', notes)
    .action(async (folder: string, flags: TransformersJsFlags) => {
      const { dtype, data, evalData, force, threads, json } = flags;
      const made = await follow(process, flags, (hooks) =>
        fillFolder({
          folder,
          dtypes: dtype,
          data,
          evalData,
          force,
          threads,
          ...sampleOptionsOf(flags),
          ...hooks,
        }),
      );
      process.stdout.write(json ? `${JSON.stringify(made, null, 2)}\n` : `${describe(made).join('\n')}\n`);
      if (made.every((each) => 'left' in each)) process.exitCode = exitCodes.usage;
    });
}

const cosineOfEach = ({ outputs }: Result): string =>
  outputs
    .map(({ deployed: { cosine } }) => (cosine === null ? '–' : formatFixed(cosine, COSINE_DIGITS)))
    .join(', ');

const COSINE_DIGITS = 4;

function describe(made: readonly Outcome[]): string[] {
  const rows = made.map((each) => {
    const path = escapeControls(each.path);
    if ('left' in each) return [each.dtype, path, '', '', `not made: ${escapeControls(each.left)}`];
    const { result } = each;
    const size = formatBytes(result.quantized.sizeBytes);
    return [
      each.dtype,
      path,
      size,
      `${formatFixed(sizeRatio(result), 2)}×`,
      `SQNR ${worstOfEach(result)}`,
      `cosine ${cosineOfEach(result)}`,
    ];
  });
  return alignColumns(rows, [2, 3]);
}
