import type { Statistics } from '../../calibration/statistics.js';
import { serializeStatistics } from '../../calibration/statistics-file.js';
import { writeFileWhole } from '../emit/write-file.js';
import { type StatisticsSummary, summarizeStatistics } from '../report/statistics-summary.js';

/** Write a statistics file; gives what the commands say of it. */
export async function writeStatistics(
  path: string,
  statistics: Statistics,
  started: number,
): Promise<StatisticsSummary> {
  const text = serializeStatistics(statistics);
  await writeFileWhole(path, text);
  return summarizeStatistics(path, text, statistics, performance.now() - started);
}
