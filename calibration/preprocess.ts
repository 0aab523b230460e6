import { QuantizeError } from '../src/errors.js';
import { elementCount, type NdArray } from '../src/numerics/nd-array.js';
import { sampleShapeOf } from './batch-axis.js';
import type { InputSpec } from './source.js';

/** The range of a model's input, one pair of ends a channel, or one for all. */
export interface InputRange {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export type Layout = 'nhwc' | 'nchw';

/** How raw sample values become model inputs: (x·scale − mean) / std, per channel, then the model's layout. */
export interface Preprocess {
  /** What the user wrote, for reports. */
  readonly label: string;
  readonly scale: number;
  /** One value, or one a channel. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Layout of the samples; found from the shapes without it. */
  readonly layout: Layout | undefined;
  /** Order of the colours that image files are given in, 'rgb' without it; arrays keep the order that they have. */
  readonly channelOrder?: ChannelOrder | undefined;
  /** Side of an image before the crop, as a multiple of the side after it; 1 without it. */
  readonly cropRatio?: number | undefined;
}

/**
 * What a model's input can hold where its samples are 8-bit images: one pair of ends a channel. Undefined without a
 * preprocessing, which leaves it open what they are.
 */
export function rangeOfPixels(how: Preprocess | undefined): InputRange | undefined {
  if (!how) return undefined;
  const { scale, mean, std } = how;
  const channels = Math.max(mean.length, std.length);
  const at = (values: readonly number[], c: number) => values[values.length === 1 ? 0 : c] ?? 0;
  const end = (pixel: number) =>
    Array.from({ length: channels }, (_, c) => (pixel * scale - at(mean, c)) / at(std, c));
  const [ofBlack, ofWhite] = [end(0), end(255)];
  return {
    low: ofBlack.map((x, c) => Math.min(x, ofWhite[c] as number)),
    high: ofBlack.map((x, c) => Math.max(x, ofWhite[c] as number)),
  };
}

/** Order of the three colours. */
export type ChannelOrder = 'rgb' | 'bgr';

/** What a preset's name stands for. */
export type Preset = Omit<Preprocess, 'label' | 'layout'> & { readonly summary: string };

/** Networks of 224×224 are evaluated on the centre of 256×256 (Krizhevsky et al. 2012, and torchvision since). */
const IMAGENET_CROP = 256 / 224;

/** The named presets; on arrays a preset normalizes and lays out, and never resizes. */
export const presets: Readonly<Record<string, Preset>> = {
  // torchvision's ImageNet statistics, on values in [0, 1].
  imagenet: {
    summary: '(x/255 − mean)/std',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    cropRatio: IMAGENET_CROP,
  },
  unit: { summary: '0 to 1', scale: 1 / 255, mean: [0], std: [1] },
  // Inception and MobileNet of TensorFlow, whose evaluation takes the central 87.5 %: 224/256.
  tf: { summary: '−1 to 1', scale: 1 / 127.5, mean: [1], std: [1], cropRatio: IMAGENET_CROP },
  // The means of VGG (Simonyan and Zisserman 2015) as Caffe's models have them, blue first.
  caffe: {
    summary: 'BGR less its mean',
    scale: 1,
    mean: [103.939, 116.779, 123.68],
    std: [1],
    channelOrder: 'bgr',
    cropRatio: IMAGENET_CROP,
  },
  none: { summary: 'the raw values', scale: 1, mean: [0], std: [1] },
};

/** Turns samples of one shape into float32 model inputs. */
export interface Transform {
  /** Shape of the result, without the batch axis. */
  readonly dims: readonly number[];
  apply(sample: NdArray): Float32Array;
}

/**
 * A transform for samples of one shape.
 *
 * @param dims - shape of a sample, without the batch axis
 * @param how - undefined takes the values as they are stored, in the layout that they are stored in
 * @throws QuantizeError where the shape fits the input in no layout, or in more than one
 */
export function makeTransform(
  path: string,
  dims: readonly number[],
  input: InputSpec,
  how: Preprocess | undefined,
): Transform {
  if (!how) {
    if (!fits(dims, sampleShapeOf(input))) throw misfit(path, dims, input, mendOfShape(dims, input));
    return { dims, apply: ({ data }) => Float32Array.from(data as ArrayLike<number>) };
  }
  const order = axisOrder(path, dims, input, how.layout);
  const laidOut = order.map((axis) => dims[axis] ?? 0);
  const mean = perChannel(path, dims, order, how, how.mean);
  const std = perChannel(path, dims, order, how, how.std);
  const sources = sourceIndices(dims, order);
  return {
    dims: laidOut,
    apply: ({ data }) => {
      const values = new Float32Array(sources.length);
      const numbers = data as ArrayLike<number | bigint>;
      const { scale } = how;
      // Runs of elements that have one mean and one deviation.
      const run = Math.min(mean.stride, std.stride);
      for (let start = 0; start < values.length; start += run) {
        const [m, s] = [valueAt(mean, start), valueAt(std, start)];
        for (let i = start; i < start + run; i++)
          values[i] = (Number(numbers[sources[i] as number]) * scale - m) / s;
      }
      return values;
    },
  };
}

/** What mends a sample of the wrong shape: only pictures have layouts. */
function mendOfShape(dims: readonly number[], input: InputSpec): string {
  if (dims.length === 3 && sampleShapeOf(input)?.length === 3)
    return 'If only the layout differs, say --layout nhwc.';
  return `Give an array of [samples, ${describeShape(input)}].`;
}

/** Values along an axis of the result: each counts for `stride` elements in a row, then the next, over and over. */
interface Along {
  readonly values: readonly number[];
  readonly stride: number;
}

const valueAt = ({ values, stride }: Along, element: number): number =>
  values[Math.floor(element / stride) % values.length] as number;

/** Whether a stated shape takes these dimensions: dynamic and unknown ones take any. */
export function fits(dims: readonly number[], shape: InputSpec['shape']): boolean {
  if (!shape) return true;
  return (
    dims.length === shape.length && shape.every((dim, axis) => typeof dim !== 'number' || dim === dims[axis])
  );
}

/** Moves the colour channel from last to first, or back. */
const layoutOrders = { keep: [0, 1, 2], toChannelsFirst: [2, 0, 1], toChannelsLast: [1, 2, 0] } as const;

/** Which axis of the sample stands at each axis of the input. */
function axisOrder(
  path: string,
  dims: readonly number[],
  input: InputSpec,
  layout: Layout | undefined,
): readonly number[] {
  const wanted = sampleShapeOf(input);
  const permuted = (order: readonly number[]) => order.map((axis) => dims[axis] ?? 0);
  if (dims.length !== 3) {
    if (fits(dims, wanted)) return dims.map((_, axis) => axis);
    throw misfit(path, dims, input, 'Save the samples in the shape that the model takes.');
  }
  const { keep, toChannelsFirst, toChannelsLast } = layoutOrders;
  const possible = {
    nhwc: [keep, toChannelsFirst],
    nchw: [keep, toChannelsLast],
    unknown: [keep, toChannelsFirst, toChannelsLast],
  }[layout ?? 'unknown'];
  const [order, another] = possible.filter((candidate) => fits(permuted(candidate), wanted));
  if (!order) {
    throw misfit(
      path,
      dims,
      input,
      'Save the samples in the shape that the model takes; arrays are not resized.',
    );
  }
  if (!another) return order;
  // Dynamic dimensions take either order. Image models are channels first, unless the last axis alone says otherwise.
  if (layout) return layout === 'nhwc' ? toChannelsFirst : keep;
  throw misfit(path, dims, input, 'Its layout is ambiguous: say --layout nhwc or --layout nchw.');
}

function misfit(path: string, dims: readonly number[], input: InputSpec, mend: string): QuantizeError {
  const facts = { path, found: dims.join(', '), input: input.name, expected: describeShape(input), mend };
  return new QuantizeError('data-shape', facts);
}

/** The shape of one sample of an input in words, without the batch axis. */
export function describeShape(input: InputSpec): string {
  return (
    sampleShapeOf(input)
      ?.map((dim) => dim ?? '?')
      .join(', ') ?? 'any shape'
  );
}

/** The values that belong to the elements of the result: the only one, or that of each one's channel. */
function perChannel(
  path: string,
  dims: readonly number[],
  order: readonly number[],
  how: Preprocess,
  values: readonly number[],
): Along {
  if (values.length === 1) return { values, stride: Math.max(1, elementCount(dims)) };
  const axis = channelAxisOf(path, dims, order, how, values.length);
  const at = order.indexOf(axis);
  return { values, stride: elementCount(order.slice(at + 1).map((source) => dims[source] ?? 0)) };
}

/** The axis of the sample that has an entry for each value: the one that is moved, or else the only one that fits. */
function channelAxisOf(
  path: string,
  dims: readonly number[],
  order: readonly number[],
  how: Preprocess,
  channels: number,
): number {
  const last = dims.length - 1;
  const isFirst = how.layout === 'nchw' || order.at(-1) === 0;
  const isLast = how.layout === 'nhwc' || order[0] === last;
  const candidates = isLast ? [last] : isFirst ? [0] : [last, 0];
  const [axis, another] = candidates.filter((candidate) => dims[candidate] === channels);
  if (axis !== undefined && another === undefined) return axis;
  const shape = `samples of shape [${dims.join(', ')}]`;
  throw new QuantizeError(
    'data-format',
    axis === undefined
      ? {
          path,
          reason: `${shape} have no axis of ${channels} channels for ${how.label}`,
          mend: 'Give one value for --mean and --std, or one a channel.',
        }
      : {
          path,
          reason: `${shape} have two axes of ${channels} channels for ${how.label}`,
          mend: 'Say --layout nhwc or --layout nchw.',
        },
  );
}

/** For each element of the result, row-major, the element of the sample that it is made from. */
function sourceIndices(dims: readonly number[], order: readonly number[]): Int32Array {
  const strides = order.map((axis) => elementCount(dims.slice(axis + 1)));
  const laidOut = order.map((axis) => dims[axis] ?? 0);
  return Int32Array.from({ length: elementCount(dims) }, (_, element) => {
    let rest = element;
    let source = 0;
    for (let at = order.length - 1; at >= 0; at--) {
      const dim = laidOut[at] as number;
      source += (rest % dim) * (strides[at] as number);
      rest = Math.floor(rest / dim);
    }
    return source;
  });
}
