import { fits, type PictureOptions } from '../../calibration/pictures.js';
import { type Layout, type Preprocess, presets } from '../../calibration/preprocess.js';
import { type RawFormat, rawTypes } from '../../calibration/readers/reader.js';
import { QuantizeError } from '../errors.js';
import type { EvalSet } from '../options.js';

const refuse = (flag: string, problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag, problem, mend });

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

/** The flags that say how samples become inputs. */
export interface PreprocessFlags {
  readonly preprocess?: string;
  readonly mean?: string;
  readonly std?: string;
  readonly scale?: string;
  readonly layout?: string;
}

/**
 * One preprocessing from its flags: a preset, and what replaces parts of it.
 *
 * @param base - what the flags replace parts of where they name no preset
 * @returns the base where there is no flag
 */
export function parsePreprocess(flags: PreprocessFlags, base?: Preprocess): Preprocess | undefined {
  const { preprocess, mean, std, scale, layout } = flags;
  const given = Object.entries({ preprocess, scale, mean, std, layout }).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0) return base;
  const name = preprocess ?? 'none';
  const start = preprocess === undefined ? base : undefined;
  const preset = start ?? (Object.hasOwn(presets, name) ? presets[name] : undefined);
  if (!preset) {
    const known = Object.keys(presets).join(', ');
    throw refuse('--preprocess', `does not know "${preprocess}"`, `Choose one of: ${known}.`);
  }
  const stds = std === undefined ? preset.std : parseNumbers('--std', std);
  if (stds.some((value) => value <= 0)) throw refuse('--std', `cannot be "${std}"`, 'Give positive numbers.');
  return {
    label: [start?.label ?? [], given.map(([flag, value]) => `--${flag} ${value}`)].flat().join(' '),
    scale: scale === undefined ? preset.scale : parseNumber('--scale', scale),
    mean: mean === undefined ? preset.mean : parseNumbers('--mean', mean),
    std: stds,
    layout: layout === undefined ? start?.layout : parseLayout(layout),
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

/** `input=1x3x480x480`: the shape of an input, the batch included. */
export function parseInputShape(text: string): readonly [name: string, shape: number[]] {
  const flag = '--shape';
  const at = text.lastIndexOf('=');
  if (at <= 0)
    throw refuse(flag, `cannot be "${text}"`, `Give an input and its shape, as ${flag} image=1x3x480x480.`);
  return [text.slice(0, at), parseShape(flag, text.slice(at + 1), undefined, 'image=1x3x480x480', 0)];
}

/** What a set of samples may be called, so that gates can name it. */
export const SET_NAME = /^[A-Za-z0-9][\w.-]*$/;

/** `night=night.npy,night-labels.npy`: a set of samples, with its labels behind the last comma where it has some. */
export function parseEvalSet(text: string): readonly [name: string, set: EvalSet] {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0));
  const given = text.slice(at + 1);
  const comma = given.lastIndexOf(',');
  const [data, labels] = comma < 0 ? [given, ''] : [given.slice(0, comma), given.slice(comma + 1)];
  if (SET_NAME.test(name) && data !== '') return [name, { data, ...(labels !== '' && { labels }) }];
  const mend =
    'Give a name of letters, digits, _, . and -, the samples, and behind a comma their labels, as --eval-set night=night.npy,night-labels.npy.';
  throw refuse('--eval-set', `cannot be "${text}"`, mend);
}

/** `sr=16000`: the number that an input holds at every run; `true` and `false` are 1 and 0. */
export function parseInputNumber(text: string): readonly [name: string, value: number] {
  const at = text.lastIndexOf('=');
  const words: Readonly<Record<string, number>> = { true: 1, false: 0 };
  const given = text.slice(at + 1).trim();
  const value = Object.hasOwn(words, given) ? words[given] : given === '' ? Number.NaN : Number(given);
  if (at > 0 && value !== undefined && Number.isFinite(value)) return [text.slice(0, at), value];
  throw refuse('--set', `cannot be "${text}"`, 'Give an input and its number, as --set sr=16000.');
}

/** Whole numbers with x between, as 224x224. */
function parseShape(
  flag: string,
  text: string,
  rank: number | undefined,
  example: string,
  least = 1,
): number[] {
  const parts = text.toLowerCase().split('x');
  const dims = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : -1));
  const isShape = dims.every((dim) => dim >= least && Number.isSafeInteger(dim));
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
