import * as z from 'zod';
import { QuantizeError } from '../src/errors.js';
import { checked, showPlace } from '../src/validate/check.js';
import { type ChannelOrder, type Layout, type Preprocess, presets } from './preprocess.js';

/** A number, or its text: a fraction such as `1/255` is exact only as one. */
type GivenNumber = number | string;

/**
 * How raw samples become inputs, as a program says it: the name of a preset, one of `presets`, or what differs from raw
 * values, as `{ scale: 1 / 255 }`.
 */
export type GivenPreprocess =
  | string
  | {
      /** What reports call it; the flags that say the same without it. */
      readonly label?: string | undefined;
      readonly scale?: GivenNumber | undefined;
      /** One value, or one a channel. */
      readonly mean?: GivenNumber | readonly GivenNumber[] | undefined;
      readonly std?: GivenNumber | readonly GivenNumber[] | undefined;
      readonly layout?: Layout | undefined;
      readonly channelOrder?: ChannelOrder | undefined;
      readonly cropRatio?: number | undefined;
      /** Of a preset; it says nothing here. */
      readonly summary?: string | undefined;
    };

const fraction = /^\s*[-+]?\d*\.?\d+(e[-+]?\d+)?\s*(\/\s*\d*\.?\d+(e[-+]?\d+)?\s*)?$/i;

/** A finite number from a number or a text, as in `1/255`. */
const number = z
  .union([z.number(), z.string().regex(fraction)])
  .transform((given) => {
    const [numerator = Number.NaN, denominator = 1] = String(given).split('/').map(Number);
    return typeof given === 'number' ? given : numerator / denominator;
  })
  .pipe(z.number());
const positive = number.pipe(z.number().positive());

const listOf = (entry: z.ZodType<number>) =>
  z.union([entry.transform((value) => [value]), z.array(entry).min(1).readonly()]);

const schema = z.strictObject({
  label: z.string().optional(),
  scale: number.optional(),
  mean: listOf(number).optional(),
  std: listOf(positive).optional(),
  layout: z.enum(['nhwc', 'nchw']).optional(),
  channelOrder: z.enum(['rgb', 'bgr']).optional(),
  cropRatio: z.number().min(1).optional(),
  summary: z.string().optional(),
});

/**
 * A whole preprocessing from what a program gave; one that is whole already comes back as it is.
 *
 * @throws QuantizeError `bad-value` for a name that is no preset, a key that is not known, or a value of another type
 */
export function preprocessOf(given: GivenPreprocess | undefined): Preprocess | undefined {
  if (given === undefined) return undefined;
  const named = typeof given === 'string' ? given : presetNameOf(given);
  if (named !== undefined) {
    const preset = Object.hasOwn(presets, named) ? presets[named] : undefined;
    if (!preset) {
      const mend = `Give one of ${Object.keys(presets).join(', ')}, or an object such as { scale: 1 / 255 }.`;
      throw new QuantizeError('bad-value', { where: 'preprocess', problem: `cannot be "${named}"`, mend });
    }
    const { summary: _, ...how } = preset;
    return { ...how, label: `--preprocess ${named}`, layout: undefined };
  }
  const { summary: _, ...how } = checked(schema, given, ({ place, problem, mend }) => {
    const where = showPlace(['preprocess', ...place]);
    return new QuantizeError('bad-value', { where, problem, mend });
  });
  const { scale = 1, mean = [0], std = [1], layout } = how;
  return { ...how, label: how.label ?? labelOf({ scale, mean, std, layout }), scale, mean, std, layout };
}

/** The name of a preset that a program hands over as an object. */
const presetNameOf = (given: object): string | undefined =>
  Object.entries(presets).find(([, preset]) => preset === given)?.[0];

/** The flags that say the same. */
function labelOf({
  scale,
  mean,
  std,
  layout,
}: Pick<Preprocess, 'scale' | 'mean' | 'std' | 'layout'>): string {
  const flags = [
    `--scale ${scale}`,
    `--mean ${mean.join(',')}`,
    `--std ${std.join(',')}`,
    ...(layout === undefined ? [] : [`--layout ${layout}`]),
  ];
  return flags.join(' ');
}
