import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type Preprocess, presets } from '../../calibration/preprocess.js';
import type { SampleSource } from '../../calibration/source.js';
import type { ComparedBatch } from '../../src/evaluate/compare-outputs.js';
import { type Mistake, MistakeCollector } from '../../src/evaluate/mistake.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';

const source = (names?: readonly string[]): SampleSource => ({
  label: 'test',
  length: 0,
  preprocess: 'none',
  ...(names && { names }),
  open: () => {
    throw new Error('nobody reads it here');
  },
});

const floats = (dims: readonly number[], values: Iterable<number>): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

/** A batch of rows of scores; the first `samples` of them count. */
function batchOf(
  first: number,
  float: readonly (readonly number[])[],
  quantized: readonly (readonly number[])[],
  feed: Feed = {},
  samples = float.length,
): ComparedBatch {
  const scores = (rows: readonly (readonly number[])[]) =>
    new Map([
      ['features', floats([rows.length, 2, 2], new Array(4 * rows.length).fill(0))],
      ['scores', floats([rows.length, rows[0]?.length ?? 0], rows.flat())],
    ]);
  return { feed, size: float.length, samples, first, float: scores(float), quantized: scores(quantized) };
}

describe('samples that quantization gets wrong', () => {
  const right = [0, 5, 1];

  it('are those that float gets right, by margin, with their class, place and file', async () => {
    const collector = new MistakeCollector([1, 1, 0, 1, 1], source(['a', 'b', 'c', 'd', 'e']), undefined);
    collector.see(
      batchOf(
        0,
        [right, right, right],
        [
          // Wrong by 3 − 2.5, right, and wrong in float, too.
          [0, 2.5, 3],
          [0, 5, 4],
          [0, 1, 2],
        ],
      ),
    );
    // The fifth row fills the batch up: it does not count.
    collector.see(
      batchOf(
        3,
        [right, right],
        [
          [4, 1, 0],
          [9, 0, 0],
        ],
        {},
        1,
      ),
    );
    expect(await collector.mistakes()).toEqual([
      { sample: 3, source: 'd', label: 1, float: 1, quantized: 0, margin: 3, thumbnail: null },
      { sample: 0, source: 'a', label: 1, float: 1, quantized: 2, margin: 0.5, thumbnail: null },
    ]);
  });

  it('are twelve at most, those with the largest margin; of equals the first', async () => {
    const margins = Array.from({ length: 40 }, (_, i) => (i * 7) % 20);
    const collector = new MistakeCollector(new Array(40).fill(1), source(), undefined);
    for (const [i, margin] of margins.entries()) collector.see(batchOf(i, [right], [[0, 1, 1 + margin]]));
    const expected = margins
      .map((margin, sample) => ({ margin, sample }))
      .filter(({ margin }) => margin > 0)
      .sort((a, b) => b.margin - a.margin || a.sample - b.sample)
      .slice(0, 12);
    const found = await collector.mistakes();
    expect(found.map(({ sample, margin }) => ({ margin, sample }))).toEqual(expected);
  });

  it('are none where scores are not finite', async () => {
    const collector = new MistakeCollector([1], source(), undefined);
    collector.see(batchOf(0, [right], [[Number.POSITIVE_INFINITY, 0, 0]]));
    expect(await collector.mistakes()).toEqual([]);
  });
});

/** The only thumbnail of a run in which every sample is a mistake. */
async function thumbnailOf(feed: Feed, preprocess?: Preprocess): Promise<Mistake['thumbnail']> {
  const collector = new MistakeCollector([1], source(), preprocess);
  collector.see(batchOf(0, [[0, 1]], [[1, 0]], feed));
  const [mistake] = await collector.mistakes();
  return mistake?.thumbnail ?? null;
}

/** Pixels of a data URL, red first, row by row. */
async function pixelsOf(url: string | null) {
  const [, base64] = /^data:image\/png;base64,(.+)$/.exec(url ?? '') ?? [];
  const { data, info } = await sharp(Buffer.from(base64 ?? '', 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { pixels: [...data], width: info.width, height: info.height, channels: info.channels };
}

const bytes = Array.from({ length: 4 * 5 * 3 }, (_, i) => (i * 37 + 11) % 256);
/** Channel, row and column of each element of [C, 4, 5], from pixels [4, 5, C]. */
const channelsFirst = (pixels: readonly number[], channels: number) =>
  Array.from({ length: channels }, (_, c) => pixels.filter((_, i) => i % channels === c)).flat();

describe('thumbnails', () => {
  const preset = (name: keyof typeof presets): Preprocess => ({
    ...(presets[name] as (typeof presets)[string]),
    label: `--preprocess ${name}`,
    layout: undefined,
  });
  const normalized = ({ scale, mean, std }: Preprocess) =>
    channelsFirst(bytes, 3).map((x, i) => {
      const c = Math.floor(i / 20);
      return (x * scale - (mean[mean.length === 1 ? 0 : c] ?? 0)) / (std[std.length === 1 ? 0 : c] ?? 1);
    });

  it.each(['imagenet', 'unit', 'tf', 'none'] as const)(
    'have the pixels that %s was made from',
    async (name) => {
      const how = preset(name);
      const url = await thumbnailOf({ x: floats([1, 3, 4, 5], normalized(how)) }, how);
      expect(await pixelsOf(url)).toEqual({ pixels: bytes, width: 5, height: 4, channels: 3 });
    },
  );

  it('turn blue first into red first', async () => {
    const how = preset('caffe');
    const { pixels } = await pixelsOf(await thumbnailOf({ x: floats([1, 3, 4, 5], normalized(how)) }, how));
    const swapped = bytes.map((_, i) => bytes[i - (i % 3) + (2 - (i % 3))]);
    expect(pixels).toEqual(swapped);
  });

  it('show bytes as they are, channels last, of the first input that is an image', async () => {
    const x: NdArray = { type: 'uint8', dims: [1, 4, 5, 3], data: Uint8Array.from(bytes) };
    const url = await thumbnailOf({ tokens: floats([1, 4], [1, 2, 3, 4]), x }, preset('imagenet'));
    expect((await pixelsOf(url)).pixels).toEqual(bytes);
  });

  it('stretch what is of no known range: 0 to 16 becomes black to white', async () => {
    const values = Array.from({ length: 16 }, (_, i) => i + (i === 15 ? 1 : 0));
    const { pixels } = await pixelsOf(await thumbnailOf({ x: floats([1, 1, 4, 4], values) }));
    const grey = values.map((value) => Math.round((255 * value) / 16));
    // A PNG of one channel may be read as three.
    expect(pixels.filter((_, i) => i % (pixels.length / 16) === 0)).toEqual(grey);
  });

  it('are at most 64 pixels long, and as wide as the picture is', async () => {
    const url = await thumbnailOf({ x: floats([1, 3, 100, 200], new Array(60_000).fill(0.5)) });
    expect(await pixelsOf(url)).toMatchObject({ width: 64, height: 32 });
  });

  it('there is none of what is no image, nor of values that are not finite', async () => {
    expect(await thumbnailOf({ x: floats([1, 2, 8, 8], new Array(128).fill(0)) })).toBeNull();
    expect(await thumbnailOf({ x: floats([1, 64], new Array(64).fill(0)) })).toBeNull();
    const values = new Array(192).fill(0);
    values[5] = Number.NaN;
    expect(await thumbnailOf({ x: floats([1, 3, 8, 8], values) })).toBeNull();
  });
});
