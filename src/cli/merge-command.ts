import { Command } from 'commander';
import { renderStatistics } from '../report/statistics-summary.js';
import { mergeStatistics } from '../run/merge.js';
import { addQuietOption } from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface MergeFlags {
  readonly output: string;
  readonly json?: true;
}

/** `quantize merge <statistics…>`: the shards of a calibration joined. */
export function mergeCommand(process: CommandProcess): Command {
  const command = new Command('merge')
    .description('join the shards of a calibration: byte for byte the file of one run over all samples')
    .argument('<statistics...>', 'the files of all shards, in any order')
    .requiredOption('-o, --output <file>', 'the statistics of all samples');
  return addQuietOption(command)
    .option('--json', 'print what was written as one JSON record')
    .action(async (inputs: string[], { output, json }: MergeFlags) => {
      const summary = await mergeStatistics({ inputs, output });
      process.stdout.write(json ? `${JSON.stringify(summary, null, 2)}\n` : renderStatistics(summary));
    });
}
