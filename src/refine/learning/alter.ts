import { type Random, seededRandom } from '../../../calibration/sampling.js';
import { firstFeed, type Labelled } from '../../calibrate/samples.js';
import type { Feed, NdArray } from '../../numerics/nd-array.js';
import { Mixer } from './mix.js';

/** Channels that an image may have. */
const CHANNELS = [1, 3, 4];

/** Shorter sides are those of something else than an image. */
const LEAST_SIDE = 8;

/** How far an image is shifted, at most: a share of each side, as training on CIFAR-10 has it (4 of 32 places). */
const SHIFT = 1 / 8;

/** Where rows, columns and channels of images lie. */
interface ImageAxes {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Elements between neighbours along each. */
  readonly strides: { readonly row: number; readonly column: number; readonly channel: number };
}

/** What copies are made. */
export interface Copies {
  /** Of each image. */
  readonly copies: number;
  readonly seed: number;
  /** Whether every other copy, by chance, is mixed with another image: where nobody reads its label. */
  readonly mixes: boolean;
}

/**
 * The same samples, and altered copies of each behind all of them: images are mirrored by chance and shifted by up to an
 * eighth of their sides, their edges continued. What the float network says of a copy is computed on the copy itself, so
 * that it need not be another sample of the data to teach something. Labels are those of the original; a copy that is mixed
 * with another image has none.
 *
 * Inputs that are no images of 1, 3 or 4 channels are left alone; where no input is one, there are no copies.
 */
export async function withCopies(
  { source, labels }: Labelled,
  { copies, seed, mixes }: Copies,
): Promise<Labelled> {
  const hasImages = Object.values(await firstFeed(source)).some((array) => imageAxesOf(array));
  if (copies === 0 || !hasImages) return { source, labels };
  return {
    source: {
      ...source,
      length: source.length * (copies + 1),
      async *open() {
        const mixer = new Mixer(seededRandom(seed), (array) => imageAxesOf(array) !== undefined);
        for (let copy = 0; copy <= copies; copy++) {
          const random = seededRandom(seed + copy);
          for await (const batch of source.open()) {
            if (copy === 0) {
              yield batch;
              continue;
            }
            const moved = altered(batch.feed, batch.size, random);
            yield { ...batch, feed: mixes ? mixer.mixed(moved) : moved };
          }
        }
      },
    },
    labels: Array.from({ length: copies + 1 }, () => labels).flat(),
  };
}

function altered(feed: Feed, count: number, random: Random): Feed {
  // All inputs of a sample alike.
  const moves = Array.from({ length: count }, () => ({
    isMirrored: random() < 0.5,
    down: 2 * random() - 1,
    right: 2 * random() - 1,
  }));
  return Object.fromEntries(
    Object.entries(feed).map(([name, array]) => {
      const axes = imageAxesOf(array);
      return [name, axes ? moved(array, axes, moves) : array];
    }),
  );
}

interface Move {
  readonly isMirrored: boolean;
  /** Of the largest shift, from −1 to 1. */
  readonly down: number;
  readonly right: number;
}

function imageAxesOf({ type, dims }: NdArray): ImageAxes | undefined {
  if (type !== 'float32' || dims.length !== 4) return undefined;
  const [, a = 0, b = 0, c = 0] = dims;
  const isImage = (height: number, width: number, channels: number) =>
    CHANNELS.includes(channels) && Math.min(height, width) >= LEAST_SIDE;
  if (isImage(b, c, a))
    return { height: b, width: c, channels: a, strides: { row: c, column: 1, channel: b * c } };
  if (isImage(a, b, c))
    return { height: a, width: b, channels: c, strides: { row: b * c, column: c, channel: 1 } };
  return undefined;
}

function moved(array: NdArray, axes: ImageAxes, moves: readonly Move[]): NdArray {
  const { height, width, channels, strides } = axes;
  const from = array.data as Float32Array;
  const data = new Float32Array(from.length);
  const size = height * width * channels;
  const within = (at: number, length: number) => Math.min(Math.max(at, 0), length - 1);
  for (let image = 0; image * size < from.length; image++) {
    const { isMirrored, down, right } = moves[image] ?? { isMirrored: false, down: 0, right: 0 };
    const [rows, columns] = [Math.round(down * SHIFT * height), Math.round(right * SHIFT * width)];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const column = within(x - columns, width);
        const source =
          within(y - rows, height) * strides.row +
          (isMirrored ? width - 1 - column : column) * strides.column;
        const target = y * strides.row + x * strides.column;
        for (let c = 0; c < channels; c++)
          data[image * size + target + c * strides.channel] = from[
            image * size + source + c * strides.channel
          ] as number;
      }
  }
  return { ...array, data };
}
