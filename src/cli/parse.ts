import { availableParallelism } from 'node:os';
import type { InputRange } from '../../calibration/preprocess.js';
import type { Shard } from '../../calibration/source.js';
import { parseNumbers } from '../config/parse-samples.js';
import { QuantizeError } from '../errors.js';
import { shardOfTask } from './task-shard.js';

export {
  type PictureFlags,
  type PreprocessFlags,
  parseEvalSet,
  parseInputNumber,
  parseInputShape,
  parseNumber,
  parseNumbers,
  parsePictures,
  parsePreprocess,
  parseRaw,
  type RawFlags,
} from '../config/parse-samples.js';

const refuse = (flag: string, problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag, problem, mend });

/** A whole number from `least` on, and up to `most` where there is one. */
export function parseCount(
  flag: string,
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  throw refuse(flag, `cannot be "${text}"`, `Give a whole number ${range}.`);
}

/** Threads: more than there are cores would only stand in each other's way. */
export function parseThreads(flag: string, text: string): number {
  return parseCount(flag, text, 1, availableParallelism());
}

/** Parts with commas between, none of them empty. */
export function parseList<T>(flag: string, text: string, parse: (part: string) => T): T[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.includes(''))
    throw refuse(flag, `cannot be "${text}"`, 'Give a list with commas between, as 2,4,8.');
  return parts.map(parse);
}

/** Units of file sizes; the plain ones are decimal, as in every table. */
const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** A size as 300KB, 1.5 MiB, or plain bytes. */
export function parseBytes(flag: string, text: string): number {
  const [, number = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = byteUnits[unit.toLowerCase()];
  if (number !== '' && factor !== undefined) return Math.floor(Number(number) * factor);
  throw refuse(flag, `cannot be "${text}"`, 'Give a size, as 300KB, 1.5MB or 2MiB.');
}

/** A percentage as a share of 1; the sign must stand there, since 0.5 could be either. */
export function parsePercent(flag: string, text: string): number {
  const [, number] = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) / 100;
  throw refuse(flag, `cannot be "${text}"`, 'Give a percentage, as 0.5%.');
}

/** `low,high`: what the model's inputs can hold. */
export function parseInputRange(text: string): InputRange {
  const [low, high, ...others] = parseNumbers('--input-range', text);
  if (low === undefined || high === undefined || others.length > 0 || low >= high)
    throw refuse('--input-range', `cannot be "${text}"`, 'Give the least and the greatest value, as -1,1.');
  return { low: [low], high: [high] };
}

/** `2/8`: the second of eight shards; `auto`: the one that this task of an engine is. */
export function parseShard(text: string): Shard {
  const flag = '--shard';
  if (text === 'auto') return shardOfTask(process.env);
  const [index, count, ...rest] = text.split('/');
  if (index === undefined || count === undefined || rest.length > 0) {
    throw refuse(flag, `cannot be "${text}"`, 'Write i/n, as 2/8 for the second of eight shards, or auto.');
  }
  const shards = parseCount(flag, count, 1);
  return { index: parseCount(flag, index, 1, shards), count: shards };
}
