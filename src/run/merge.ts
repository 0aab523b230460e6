import { mergeStatisticsFiles } from '../../calibration/merge-statistics.js';
import type { MergeOptions } from '../options.js';
import { checkOutputs } from '../prepare/check-files.js';
import type { StatisticsSummary } from '../report/statistics-summary.js';
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
