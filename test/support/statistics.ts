import { type Statistics, TensorStatistics } from '../../calibration/statistics.js';

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

/** Where the statistics of a whole calibration on one sample come from; `changes` replace parts of it. */
export function provenance(changes: Partial<Statistics> = {}): Omit<Statistics, 'tensors'> {
  return {
    modelHash: 'a'.repeat(64),
    data: 'digits.npy',
    preprocess: '--scale 1/16',
    provider: 'cpu',
    samples: 1,
    part: { shard: { index: 1, count: 1 }, first: 0, total: 1, choice: 'c'.repeat(64) },
    ...changes,
  };
}
