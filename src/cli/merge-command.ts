import { Command } from 'commander';
import { isLearnedFile, serializeLearned } from '../emit/learned-file.js';
import { renderLearned } from '../report/learned-summary.js';
import { renderSensitivities } from '../report/sensitivity-summary.js';
import { renderStatistics } from '../report/statistics-summary.js';
import { mergeLearned, mergeSensitivities, mergeStatistics } from '../run/merge.js';
import { isSensitivityFile, serializeSensitivities } from '../search/sensitivity-file.js';
import { isSweepFile, mergeSweeps } from '../sweep/merge-sweeps.js';
import { renderTable } from '../sweep/render-table.js';
import { serializeSweep } from '../sweep/sweep-file.js';
import { addQuietOption } from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface MergeFlags {
  readonly output: string;
  readonly json?: true;
}

/** `quantize merge <files…>`: the shards of a calibration, a search, a sweep or a learning joined. */
export function mergeCommand(process: CommandProcess): Command {
  const command = new Command('merge')
    .description(
      'join the shards of a calibration, a search, a sweep or a learning: byte for byte the file of one run',
    )
    .argument('<files...>', 'the files of all shards, in any order')
    .requiredOption('-o, --output <file>', 'the statistics, sensitivities, blocks or record of the whole');
  return addQuietOption(command)
    .option('--json', 'print what was written as one JSON record')
    .action(async (inputs: string[], { output, json }: MergeFlags) => {
      // The first file says what is merged; one of another kind is refused as it is read.
      if (await isSweepFile(inputs[0] as string)) {
        const record = await mergeSweeps({ inputs, output });
        process.stdout.write(json ? serializeSweep(record) : renderTable(record));
        return;
      }
      if (await isSensitivityFile(inputs[0] as string)) {
        const record = await mergeSensitivities({ inputs, output });
        process.stdout.write(json ? serializeSensitivities(record) : renderSensitivities(record, output));
        return;
      }
      if (await isLearnedFile(inputs[0] as string)) {
        const record = await mergeLearned({ inputs, output });
        process.stdout.write(json ? serializeLearned(record) : renderLearned(record, output));
        return;
      }
      const summary = await mergeStatistics({ inputs, output });
      process.stdout.write(json ? `${JSON.stringify(summary, null, 2)}\n` : renderStatistics(summary));
    });
}
