import type { Preprocess } from '../../calibration/preprocess.js';
import type { Batch } from '../../calibration/source.js';
import { elementCount, type NdArray, numbersOf } from '../numerics/nd-array.js';

/** One sample of an image input, row-major as the model got it. */
export interface Picture {
  readonly values: Float64Array;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly layout: 'nchw' | 'nhwc';
  /** Whether the model takes bytes, which are pixels as they are. */
  readonly isBytes: boolean;
}

/** Longest side of a thumbnail, in pixels. */
const SIDE = 64;

/** The least side that counts as an image: narrower ones are sequences with channels. */
const LEAST_SIDE = 4;

/**
 * Where the brightest of 8-bit pixels is darker than this, they are likely of another range, as 0 to 16: the thumbnail
 * is stretched then.
 */
const DARK = 64;

/** A sample of the first input that is an image: [N, C, H, W] or [N, H, W, C] with one channel or three. */
export function pictureOf({ feed, size }: Batch, row: number): Picture | undefined {
  for (const array of Object.values(feed)) {
    const shape = imageShape(array, size);
    if (!shape) continue;
    const length = elementCount(array.dims.slice(1));
    const data = array.data.subarray(row * length, (row + 1) * length) as NdArray['data'];
    const values = Float64Array.from(numbersOf({ type: array.type, data }));
    return { ...shape, values, isBytes: array.type === 'uint8' };
  }
  return undefined;
}

/** Sides of the first input that is an image, in pixels. */
export function pictureSize({ feed, size }: Batch): { height: number; width: number } | undefined {
  return Object.values(feed).flatMap((array) => imageShape(array, size) ?? [])[0];
}

function imageShape(
  { dims }: NdArray,
  size: number,
): Pick<Picture, 'height' | 'width' | 'channels' | 'layout'> | undefined {
  if (dims.length !== 4 || dims[0] !== size) return undefined;
  const [, first = 0, second = 0, third = 0] = dims;
  const isColour = (channels: number): channels is 1 | 3 => channels === 1 || channels === 3;
  const isLarge = (...sides: number[]) => sides.every((side) => side >= LEAST_SIDE);
  if (isColour(first) && isLarge(second, third)) {
    return { channels: first, height: second, width: third, layout: 'nchw' };
  }
  if (isColour(third) && isLarge(first, second)) {
    return { channels: third, height: first, width: second, layout: 'nhwc' };
  }
  return undefined;
}

/**
 * The picture as a PNG of at most 64×64, as a `data:` URL.
 *
 * @param preprocess - is undone, so that the colours are those of the samples; without it they are guessed
 * @returns null where the picture has values that are not finite, or nothing can draw it here
 */
export async function drawThumbnail(
  picture: Picture,
  preprocess: Preprocess | undefined,
): Promise<string | null> {
  const pixels = pixelsOf(picture, preprocess);
  if (!pixels) return null;
  const { width, height, channels } = picture;
  const sharp = await sharpIfThere();
  if (!sharp) return null;
  const png = await sharp(pixels, { raw: { width, height, channels } })
    .resize({ width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

/** Longest side of a picture that boxes are drawn over, in pixels. */
const PICTURE_SIDE = 360;

/** The picture as a JPEG of at most 360×360, as a `data:` URL; null as for a thumbnail. */
export async function drawPicture(
  picture: Picture,
  preprocess: Preprocess | undefined,
): Promise<string | null> {
  const pixels = pixelsOf(picture, preprocess);
  const sharp = pixels && (await sharpIfThere());
  if (!sharp) return null;
  const { width, height, channels } = picture;
  const side = { width: PICTURE_SIDE, height: PICTURE_SIDE };
  const jpeg = await sharp(pixels, { raw: { width, height, channels } })
    .resize({ ...side, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 80 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}

/** Places that differ in red, the others clear, as a PNG in a `data:` URL. */
export async function drawMask({
  width,
  height,
  differs,
}: {
  readonly width: number;
  readonly height: number;
  readonly differs: Uint8Array;
}): Promise<string | null> {
  const sharp = await sharpIfThere();
  if (!sharp) return null;
  const pixels = Uint8Array.from({ length: 4 * differs.length }, (_, i) =>
    i % 4 === 0 ? 230 : i % 4 === 3 ? 200 * (differs[i >> 2] as number) : 30,
  );
  const png = await sharp(pixels, { raw: { width, height, channels: 4 } })
    .resize({
      width: PICTURE_SIDE,
      height: PICTURE_SIDE,
      fit: 'inside',
      kernel: 'nearest',
      withoutEnlargement: true,
    })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

/** A report without pictures is still a report: where the library's native part is missing, there are none. */
const sharpIfThere = () =>
  import('sharp').then(
    (module) => module.default,
    () => undefined,
  );

/**
 * 8-bit pixels, row by row, red first; undefined where a value is not finite.
 *
 * Without preprocessing, floats in [0, 1] are taken as shares of white, and those in [0, 255] as they are; everything
 * else is stretched from its least to its greatest value.
 */
export function pixelsOf(picture: Picture, preprocess: Preprocess | undefined): Uint8Array | undefined {
  const { height, width, channels, layout, isBytes } = picture;
  const area = height * width;
  const values = new Float64Array(area * channels);
  const isBlueFirst = channels === 3 && preprocess?.channelOrder === 'bgr';
  for (let pixel = 0; pixel < area; pixel++) {
    for (let c = 0; c < channels; c++) {
      const from = layout === 'nchw' ? c * area + pixel : pixel * channels + c;
      const value = picture.values[from] as number;
      const raw = preprocess && !isBytes ? undone(value, c, preprocess) : value;
      values[pixel * channels + (isBlueFirst ? channels - 1 - c : c)] = raw;
    }
  }
  const least = values.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const most = values.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  if (!values.every(Number.isFinite)) return undefined;
  const [black, white] = isBytes ? [0, 255] : rangeOf(least, most, preprocess !== undefined);
  return Uint8Array.from(values, (value) =>
    // What rounding errors of float32 left beside a pixel is that pixel.
    Math.min(Math.max(Math.round((255 * (value - black)) / (white - black)), 0), 255),
  );
}

/** The pixel behind a value: (x·scale − mean) / std, solved for x. */
function undone(value: number, channel: number, { scale, mean, std }: Preprocess): number {
  const at = (values: readonly number[]) => values[values.length === 1 ? 0 : channel] ?? 0;
  return (value * at(std) + at(mean)) / scale;
}

/** What is drawn black and white. */
function rangeOf(least: number, most: number, isUndone: boolean): [number, number] {
  // Rounding leaves a pixel up to a hundredth beside its value.
  const slack = 0.01;
  const isWithin = (top: number) => least >= -slack && most <= top + slack;
  if (!isUndone && isWithin(1)) return [0, 1];
  if (isWithin(255) && most >= DARK) return [0, 255];
  return most > least ? [least, most] : [least, least + 1];
}
