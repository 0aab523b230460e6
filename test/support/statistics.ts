import { TensorStatistics } from '../../calibration/statistics.js';

/** The statistics of some samples of one tensor. */
export function statisticsOf(...samples: readonly ArrayLike<number>[]): TensorStatistics {
  const statistics = new TensorStatistics();
  for (const sample of samples) statistics.add(Float32Array.from(sample));
  return statistics;
}

/** The bins that are not empty, and their counts. */
export function filledBins({ counts }: TensorStatistics): Record<number, number> {
  const filled: Record<number, number> = {};
  counts.forEach((count, bin) => {
    if (count !== 0) filled[bin] = count;
  });
  return filled;
}

/** All that statistics hold, without their empty bins: 65,536 counts are slow to compare one by one. */
export function contentOf(statistics: TensorStatistics | undefined) {
  if (!statistics) return undefined;
  const { samples, nonFinite } = statistics;
  return { bins: filledBins(statistics), samples, nonFinite };
}
