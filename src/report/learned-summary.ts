import { basename } from 'node:path';
import type { LearnedRecord } from '../emit/learned-file.js';
import { escapeControls } from './escape.js';

/** What was written into a file of learned blocks, as a line, and a line for each that was left. */
export function renderLearned({ blocks, of, shard }: LearnedRecord, path: string): string {
  const which = shard ? ` (shard ${shard.index} of ${shard.count})` : '';
  const left = blocks.flatMap(({ record }) => ('left' in record ? [`  ${record.id}: ${record.left}`] : []));
  const learned = `${blocks.length - left.length} of ${of} blocks learned`;
  const lines = [
    `${basename(path)}: ${learned}${which}${left.length > 0 ? '; left as they were:' : ''}`,
    ...left,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}
