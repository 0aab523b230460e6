import { basename } from 'node:path';
import type { SensitivityRecord } from '../search/sensitivity-file.js';
import { escapeControls } from './escape.js';

/** What was written into a file of sensitivities, as a line. */
export function renderSensitivities({ effects, inputs, shard }: SensitivityRecord, path: string): string {
  const layers = new Set([...effects, ...inputs].map(({ id }) => id)).size;
  const which = shard ? ` (shard ${shard.index} of ${shard.count})` : '';
  const measured = `${effects.length} ways to store weights and ${inputs.length} inputs`;
  return `${escapeControls(basename(path))}: ${measured} measured, of ${layers} layers${which}\n`;
}
