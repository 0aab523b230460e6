import { availableParallelism } from 'node:os';
import { fits, type PictureOptions } from '../../calibration/pictures.js';
import { type InputRange, type Layout, type Preprocess, presets } from '../../calibration/preprocess.js';
import { type RawFormat, rawTypes } from '../../calibration/readers/reader.js';
import type { Shard } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import { type Granularity, type Group, MAX_BITS, MIN_BITS, type Rule } from '../recipe.js';

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

/** `pattern:bits=4,scheme=minmax`; the last colon ends the pattern, since names may hold some. */
export function parseRule(text: string): Rule {
  const flag = '--rule';
  const mend =
    "Write 'pattern:bits=4' or 'pattern:bits=4,act-bits=8,scheme=minmax,granularity=tensor,group=tensor'.";
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
    else if (key === 'group') settings.group = parseGroup(flag, value);
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

/** What shares a codebook: `tensor`, `channel`, or a number of channels. */
export function parseGroup(flag: string, text: string): Group {
  return text === 'tensor' || text === 'channel' ? text : parseCount(flag, text, 1);
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
    channelOrder: preset.channelOrder,
    cropRatio: preset.cropRatio,
  };
}

/** The flags that say how image files become inputs. */
export interface PictureFlags {
  readonly size?: string;
  readonly resize?: string;
  readonly channelOrder?: string;
}

/** What the flags say of image files; the rest is the model's and the preset's. */
export function parsePictures({ size, resize, channelOrder }: PictureFlags): PictureOptions {
  const [height, width] = size === undefined ? [] : parseShape('--size', size, 2, '224x224');
  return {
    size: height === undefined || width === undefined ? undefined : { height, width },
    fit: resize === undefined ? undefined : parseChoice('--resize', resize, fits),
    channelOrder:
      channelOrder === undefined
        ? undefined
        : parseChoice('--channel-order', channelOrder, ['rgb', 'bgr'] as const),
  };
}

/** The flags that say what raw files hold. */
export interface RawFlags {
  readonly binDtype?: string;
  readonly binShape?: string;
}

/** What the flags say of raw files; the rest is the model's. */
export function parseRaw({ binDtype, binShape }: RawFlags): RawFormat {
  return {
    type: binDtype === undefined ? undefined : parseChoice('--bin-dtype', binDtype, rawTypes),
    shape: binShape === undefined ? undefined : parseShape('--bin-shape', binShape, undefined, '3x224x224'),
  };
}

/** Whole numbers from 1 on with x between, as 224x224. */
function parseShape(flag: string, text: string, rank: number | undefined, example: string): number[] {
  const parts = text.toLowerCase().split('x');
  const dims = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : 0));
  const isShape = dims.every((dim) => dim > 0 && Number.isSafeInteger(dim));
  if (isShape && (rank === undefined || dims.length === rank)) return dims;
  throw refuse(flag, `cannot be "${text}"`, `Give whole numbers with x between them, as ${flag} ${example}.`);
}

function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw refuse(flag, `cannot be "${text}"`, `Choose one of: ${choices.join(', ')}.`);
}

function parseLayout(text: string): Layout {
  if (text === 'nhwc' || text === 'nchw') return text;
  throw refuse('--layout', `cannot be "${text}"`, 'Choose nhwc or nchw: the layout of the samples.');
}
