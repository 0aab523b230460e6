import { mergeStatisticsFiles } from '../../calibration/merge-statistics.js';
import { type LearnedRecord, mergeLearnedFiles } from '../emit/learned-file.js';
import type { MergeOptions } from '../options.js';
import { checkOutputs } from '../prepare/check-files.js';
import type { StatisticsSummary } from '../report/statistics-summary.js';
import { mergeSensitivityFiles, type SensitivityRecord } from '../search/sensitivity-file.js';
import { writeStatistics } from './write-statistics.js';

/**
 * The statistics of all shards of a calibration in one file: byte for byte that of one run over all samples.
 *
 * @throws QuantizeError where a shard is missing or does not belong; every existing file is then as it was
 */
export async function mergeStatistics({ inputs, output }: MergeOptions): Promise<StatisticsSummary> {
  const started = performance.now();
  await checkOutputs([output], inputs);
  return writeStatistics(output, await mergeStatisticsFiles(inputs), started);
}

/**
 * What all shards of `measureSensitivities` measured in one file, for `auto`: the model is then, byte for byte, that of a search
 * which measures everything itself.
 *
 * @throws QuantizeError where a shard is missing or does not belong; every existing file is then as it was
 */
export async function mergeSensitivities({ inputs, output }: MergeOptions): Promise<SensitivityRecord> {
  await checkOutputs([output], inputs);
  return mergeSensitivityFiles(inputs, output);
}

/**
 * The blocks of all shards of `learnPart` in one file, for `learned`: the model is then, byte for byte, that of a run which
 * learns everything itself.
 *
 * @throws QuantizeError where a shard is missing or does not belong; every existing file is then as it was
 */
export async function mergeLearned({ inputs, output }: MergeOptions): Promise<LearnedRecord> {
  await checkOutputs([output], inputs);
  return mergeLearnedFiles(inputs, output);
}
