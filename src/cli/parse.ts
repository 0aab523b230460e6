import { availableParallelism } from 'node:os';
import { type InputRange, type Layout, type Preprocess, presets } from '../../calibration/preprocess.js';
import type { Shard } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import { type Granularity, MAX_BITS, MIN_BITS, type Rule } from '../recipe.js';

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

/** A width in bits. */
export function parseBits(flag: string, text: string): number {
  return parseCount(flag, text, MIN_BITS, MAX_BITS);
}

/** A width in bits, or `float`. */
export function parseActBits(flag: string, text: string): number | 'float' {
  return text === 'float' ? text : parseBits(flag, text);
}

/** A finite number, or a fraction of two, as in `1/255`. */
export function parseNumber(flag: string, text: string): number {
  const parts = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [numerator = Number.NaN, denominator = 1] = parts;
  const value = numerator / denominator;
  if (parts.length <= 2 && Number.isFinite(value)) return value;
  throw refuse(flag, `cannot be "${text}"`, 'Give a number, or a fraction such as 1/255.');
}

/** Numbers with commas between: one for all channels, or one a channel. */
export function parseNumbers(flag: string, text: string): number[] {
  return text.split(',').map((part) => parseNumber(flag, part));
}

/** `low,high`: what the model's inputs can hold. */
export function parseInputRange(text: string): InputRange {
  const [low, high, ...others] = parseNumbers('--input-range', text);
  if (low === undefined || high === undefined || others.length > 0 || low >= high)
    throw refuse('--input-range', `cannot be "${text}"`, 'Give the least and the greatest value, as -1,1.');
  return { low: [low], high: [high] };
}

/** `pattern:bits=4,scheme=minmax`; the last colon ends the pattern, since names may hold some. */
export function parseRule(text: string): Rule {
  const flag = '--rule';
  const mend = "Write 'pattern:bits=4' or 'pattern:bits=4,act-bits=8,scheme=minmax,granularity=tensor'.";
  const colon = text.lastIndexOf(':');
  if (colon <= 0 || colon === text.length - 1) throw refuse(flag, `cannot be "${text}"`, mend);
  const settings: { -readonly [K in keyof Rule]?: Rule[K] } = {};
  for (const part of text.slice(colon + 1).split(',')) {
    const [key, value, ...rest] = part.split('=').map((piece) => piece.trim());
    if (!key || !value || rest.length > 0) throw refuse(flag, `has "${part}", which is no setting`, mend);
    if (key === 'bits') settings.bits = parseBits(flag, value);
    else if (key === 'act-bits') settings.actBits = parseBits(flag, value);
    else if (key === 'scheme') settings.scheme = value;
    else if (key === 'granularity') settings.granularity = parseGranularity(flag, value);
    else throw refuse(flag, `does not know "${key}"`, mend);
  }
  return { pattern: text.slice(0, colon), ...settings };
}

function parseGranularity(flag: string, text: string): Granularity {
  if (text === 'tensor' || text === 'channel') return text;
  throw refuse(flag, `cannot have granularity "${text}"`, 'Choose tensor or channel.');
}

/** `2/8`: the second of eight shards. */
export function parseShard(text: string): Shard {
  const flag = '--shard';
  const [index, count, ...rest] = text.split('/');
  if (index === undefined || count === undefined || rest.length > 0) {
    throw refuse(flag, `cannot be "${text}"`, 'Write i/n, as 2/8 for the second of eight shards.');
  }
  const shards = parseCount(flag, count, 1);
  return { index: parseCount(flag, index, 1, shards), count: shards };
}

/** The flags that say how samples become inputs. */
export interface PreprocessFlags {
  readonly preprocess?: string;
  readonly mean?: string;
  readonly std?: string;
  readonly scale?: string;
  readonly layout?: string;
}

/** One preprocessing from its flags: a preset, and what replaces parts of it; undefined where there is no flag. */
export function parsePreprocess(flags: PreprocessFlags): Preprocess | undefined {
  const { preprocess, mean, std, scale, layout } = flags;
  const given = Object.entries({ preprocess, scale, mean, std, layout }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return undefined;
  const name = preprocess ?? 'none';
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (!preset) {
    const known = Object.keys(presets).join(', ');
    throw refuse('--preprocess', `does not know "${preprocess}"`, `Choose one of: ${known}.`);
  }
  const stds = std === undefined ? preset.std : parseNumbers('--std', std);
  if (stds.some((value) => value <= 0)) throw refuse('--std', `cannot be "${std}"`, 'Give positive numbers.');
  return {
    label: given.map(([flag, value]) => `--${flag} ${value}`).join(' '),
    scale: scale === undefined ? preset.scale : parseNumber('--scale', scale),
    mean: mean === undefined ? preset.mean : parseNumbers('--mean', mean),
    std: stds,
    layout: layout === undefined ? undefined : parseLayout(layout),
  };
}

function parseLayout(text: string): Layout {
  if (text === 'nhwc' || text === 'nchw') return text;
  throw refuse('--layout', `cannot be "${text}"`, 'Choose nhwc or nchw: the layout of the samples.');
}
