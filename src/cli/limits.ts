import type { Command } from 'commander';
import { QuantizeError } from '../errors.js';
import type { SearchLimits } from '../options.js';

/** The limits, as commander gives them. */
export interface LimitFlags {
  readonly maxDrop?: number;
  readonly minSqnr?: number;
  readonly maxSize?: number;
}

/** Add the flags of the limits. */
export function addLimitOptions(command: Command): Command {
  return command
    .option(
      '--max-drop <percent>',
      'top-1 accuracy that may be lost, as 0.5%; of agreement without labels',
      parseDrop,
    )
    .option('--min-sqnr <dB>', 'SQNR that every output must keep, as 30', parseDecibels)
    .option('--max-size <bytes>', 'size of the file, as 300KB', parseSize);
}

/** The limits that the flags say. */
export const limitsOf = ({ maxDrop, minSqnr, maxSize }: LimitFlags): SearchLimits => ({
  maxDrop,
  minSqnrDb: minSqnr,
  maxBytes: maxSize,
});

/** A share in percent; a bare number could be either. */
function parseDrop(text: string): number {
  return parse('--max-drop', text, { '%': 0.01 }, 'Give a percentage, as 0.5%.');
}

function parseDecibels(text: string): number {
  return parse('--min-sqnr', text, { '': 1, db: 1 }, 'Give a number of decibels, as 30.');
}

function parseSize(text: string): number {
  const units = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };
  return parse('--max-size', text, units, 'Give a size, as 300KB or 2MiB.');
}

function parse(flag: string, text: string, units: Readonly<Record<string, number>>, mend: string): number {
  const [, digits = '', unit = ''] = /^(\d+\.?\d*|\.\d+)\s*(.*)$/.exec(text.trim()) ?? [];
  const key = unit.toLowerCase();
  const factor = Object.hasOwn(units, key) ? units[key] : undefined;
  if (digits === '' || factor === undefined)
    throw new QuantizeError('bad-option', { flag, problem: `cannot be "${text}"`, mend });
  return Number(digits) * factor;
}
