import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Part } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { escapeControls } from './escape.js';
import { formatBytes } from './format.js';

/** What was written into a statistics file. */
export interface StatisticsSummary {
  /** The file's name, without its folder. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly data: string;
  readonly preprocess: string;
  readonly provider: string;
  /** Samples in it; `part` says which. */
  readonly samples: number;
  readonly part: Part;
  /** Number of tensors. */
  readonly tensors: number;
  readonly elapsedMs: number;
}

/** The summary of a statistics file that was just written. */
export function summarizeStatistics(
  path: string,
  text: string,
  { data, preprocess, provider, samples, part, tensors }: Statistics,
  elapsedMs: number,
): StatisticsSummary {
  return {
    name: basename(path),
    sizeBytes: Buffer.byteLength(text),
    sha256: createHash('sha256').update(text).digest('hex'),
    data,
    preprocess,
    provider,
    samples,
    part,
    tensors: tensors.size,
    elapsedMs,
  };
}

/** The summary for a person. */
export function renderStatistics(summary: StatisticsSummary): string {
  const { name, sizeBytes, data, samples, part, tensors } = summary;
  const { index, count } = part.shard;
  const which = count > 1 ? ` (shard ${index} of ${count}, of ${part.total} in all)` : '';
  return (
    `${escapeControls(name)}: ${tensors} tensors on ${samples} samples of ${escapeControls(data)}${which}, ` +
    `${formatBytes(sizeBytes)}\n`
  );
}
