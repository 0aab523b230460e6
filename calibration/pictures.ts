import type { ResizeOptions, SharpOptions } from 'sharp';
import { QuantizeError, reasonOf } from '../src/errors.js';
import { roundHalfEven } from '../src/numerics/round.js';
import { otherFormat } from './picture-format.js';
import type { ChannelOrder, Layout } from './preprocess.js';

/** How a picture of any shape fills the model's: cut at the centre, distorted, or with bars beside it. */
export const fits = ['crop', 'stretch', 'letterbox'] as const;

export type Fit = (typeof fits)[number];

/** What the user says of pictures, where it differs from the model and the preset. */
export interface PictureOptions {
  readonly size?: { readonly height: number; readonly width: number } | undefined;
  readonly fit?: Fit | undefined;
  readonly channelOrder?: ChannelOrder | undefined;
}

/** The pixels that a model wants. */
export interface PictureShape {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly layout: Layout;
  readonly channelOrder: ChannelOrder;
  readonly fit: Fit;
  /** Side before the crop as a multiple of the side after it. */
  readonly cropRatio: number;
}

/** Grey of the bars of a letterbox, as the YOLO family is trained with. */
const BAR = { r: 114, g: 114, b: 114 };

const INPUT: SharpOptions = {
  // Truncated and damaged files count as unreadable; warnings alone do not.
  failOn: 'error',
  // Training pipelines take the pixels as they are stored, whatever profile stands beside them.
  ignoreIcc: true,
  sequentialRead: true,
};

/** Draws the pixels out of the bytes of an image file. */
export type Decoder = (bytes: Uint8Array, shape: PictureShape) => Promise<Uint8Array>;

/**
 * The decoder of image files. The library is loaded here, so that runs without pictures need none of it.
 *
 * @throws QuantizeError `images-unavailable` where its native part is missing
 */
export async function loadDecoder(): Promise<Decoder> {
  let sharp: typeof import('sharp').default;
  try {
    ({ default: sharp } = await import('sharp'));
  } catch (thrown) {
    throw new QuantizeError('images-unavailable', { reason: reasonOf(thrown) }, { cause: thrown });
  }
  return async (bytes, shape) => {
    const odd = otherFormat(bytes);
    if (odd) throw new Error(odd);
    const picture = sharp(bytes, INPUT);
    const { autoOrient: upright, space } = await picture.metadata();
    // Libraries disagree on what colours these are; a model was trained on what one of them says.
    if (space === 'cmyk')
      throw new Error('it is CMYK, which each library makes other colours of: save it as RGB');
    const { resize, left, top } = plan(upright, shape);
    const pixels = await picture
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      // A bilinear filter over the whole area that a pixel covers, as Pillow's and torchvision's; not the reduction
      // while decoding, which is coarser.
      .resize({ ...resize, kernel: 'linear', fastShrinkOnLoad: false })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return arranged({ data: pixels.data, ...pixels.info, left, top }, shape);
  };
}

/** What a picture becomes, and where in it the pixels begin that count. */
interface Plan {
  readonly resize: ResizeOptions;
  readonly left: number;
  readonly top: number;
}

/** The crop is torchvision's: the shorter side as asked, the longer one rounded down, half of the rest cut off before. */
function plan(upright: { width: number; height: number }, shape: PictureShape): Plan {
  const { height, width, fit, cropRatio } = shape;
  if (fit === 'stretch') return { resize: { width, height, fit: 'fill' }, left: 0, top: 0 };
  if (fit === 'letterbox')
    return { resize: { width, height, fit: 'contain', background: BAR }, left: 0, top: 0 };
  const [tall, wide] = [Math.round(height * cropRatio), Math.round(width * cropRatio)];
  const isWider = upright.width * tall >= upright.height * wide;
  const resized = isWider
    ? { width: Math.floor((upright.width * tall) / upright.height), height: tall }
    : { width: wide, height: Math.floor((upright.height * wide) / upright.width) };
  return {
    resize: { ...resized, fit: 'fill' },
    left: roundHalfEven((resized.width - width) / 2),
    top: roundHalfEven((resized.height - height) / 2),
  };
}

/** Decoded pixels, row by row and all channels of one together, and where those begin that count. */
interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly channels: number;
  readonly left: number;
  readonly top: number;
}

/** The pixels as the model wants them. */
function arranged(
  { data, width: rowPixels, channels: found, left, top }: Pixels,
  shape: PictureShape,
): Uint8Array {
  const { height, width, channels, layout, channelOrder } = shape;
  const area = height * width;
  const [step, stride] = layout === 'nhwc' ? [channels, 1] : [1, area];
  const isRedFirst = channelOrder === 'rgb';
  const result = new Uint8Array(area * channels);
  for (let pixel = 0; pixel < area; pixel++) {
    const row = top + Math.floor(pixel / width);
    const at = (row * rowPixels + left + (pixel % width)) * found;
    const red = data[at] as number;
    // A grey picture has one channel, which stands for all three.
    const green = found >= 3 ? (data[at + 1] as number) : red;
    const blue = found >= 3 ? (data[at + 2] as number) : red;
    if (channels === 1) {
      result[pixel] = luma(red, green, blue);
      continue;
    }
    result[pixel * step] = isRedFirst ? red : blue;
    result[pixel * step + stride] = green;
    result[pixel * step + 2 * stride] = isRedFirst ? blue : red;
  }
  return result;
}

/** ITU-R BT.601, in 16 bits: 0.299 R + 0.587 G + 0.114 B, rounded; a grey stays what it is, the factors add up to 2^16. */
const luma = (red: number, green: number, blue: number): number =>
  (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
