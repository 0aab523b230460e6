import type { Statistics } from '../../calibration/statistics.js';
import { readStatisticsFile } from '../../calibration/statistics-file.js';
import { QuantizeError } from '../errors.js';
import type { Model } from '../graph/model.js';
import { hashModel } from '../proto/hash.js';

/** The folded model that statistics must belong to. */
export interface StatisticsOwner {
  readonly model: Model;
  /** Its file, for messages. */
  readonly path: string;
}

/**
 * The statistics in a file, in place of a calibration.
 *
 * @param values - the values that must be in it
 * @throws QuantizeError where the file is damaged, of another version or another model, a shard, or lacks a value
 */
export async function readStatistics(
  path: string,
  { model, path: modelPath }: StatisticsOwner,
  values: readonly string[],
): Promise<Statistics> {
  const file = await readStatisticsFile(path);
  if (file.header.modelHash !== hashModel(model)) {
    throw new QuantizeError('statistics-model', { path, model: modelPath });
  }
  const { index, count } = file.header.part.shard;
  if (count > 1) throw new QuantizeError('statistics-part', { path, index, count });
  const names = new Set(file.names);
  const missing = values.find((value) => !names.has(value));
  if (missing !== undefined) throw new QuantizeError('statistics-tensor', { path, tensor: missing });
  return file.readStatistics();
}
