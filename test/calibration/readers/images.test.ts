import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Preprocess } from '../../../calibration/preprocess.js';
import type { ReadSettings } from '../../../calibration/readers/reader.js';
import { openSamples } from '../../../calibration/readers/readers.js';
import { chooseReadable } from '../../../calibration/sample-set.js';
import { codeOf } from '../../support/random-data.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

type Pixel = readonly [number, number, number];
const RED: Pixel = [255, 0, 0];
const BLUE: Pixel = [0, 0, 255];

const image = (width: number, height: number, pixel: (x: number, y: number) => Pixel) => {
  const data = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => pixel(Math.floor(i / 3) % width, Math.floor(i / 3 / width))[i % 3] as number,
  );
  return sharp(data, { raw: { width, height, channels: 3 } });
};

async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const raw: Preprocess = { label: 'none', scale: 1, mean: [0], std: [1], layout: undefined };

const open = (path: string, shape: (number | string)[], settings: ReadSettings = {}, type = 'uint8') =>
  openSamples({ path, inputs: [{ name: 'x', type, shape }], ...settings });

/** The pixels of one image for an input of uint8. */
async function pixelsOf(bytes: Uint8Array, shape: (number | string)[], settings: ReadSettings = {}) {
  const set = await open(await folderOf({ 'x.png': bytes }), shape, settings);
  return Array.from((await set.sample(0)).x?.data ?? [], Number);
}

/** What the reader says of the only picture of a folder. */
async function flawOf(bytes: Uint8Array | string): Promise<string | undefined> {
  const set = await open(await folderOf({ 'x.png': bytes }), ['n', 4, 4, 3]);
  return set.flawOf?.(0);
}

describe('pictures by what they are and not by their name', () => {
  const red = () => image(4, 4, () => RED);

  it('reads JPEG, PNG and WebP under any of their names', async () => {
    for (const bytes of [red().jpeg(), red().png(), red().webp({ lossless: true })])
      expect(await flawOf(await bytes.toBuffer())).toBeUndefined();
  });

  it('refuses others before any decoder sees them', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>';
    expect(await flawOf(svg)).toContain('it is SVG');
    expect(await flawOf(`<?xml version="1.0"?>\n<!-- -->${svg}`)).toContain('it is SVG');
    expect(await flawOf(await red().avif().toBuffer())).toContain('it is AVIF');
    expect(await flawOf(await red().gif().toBuffer())).toContain('it is GIF');
    expect(await flawOf(await red().tiff().toBuffer())).toContain('it is TIFF');
    expect(await flawOf('%PDF-1.4')).toContain('it is PDF');
    expect(await flawOf('hello')).toContain('no JPEG, PNG or WebP');
    expect(await flawOf('')).toContain('it is empty');
  });

  it('refuses CMYK, which has no one meaning', async () => {
    expect(await flawOf(await red().toColourspace('cmyk').jpeg().toBuffer())).toContain('CMYK');
  });
});

describe('the images reader', () => {
  it('resizes and crops as Pillow does', async () => {
    // PIL 12: resize((9, 6), BILINEAR).crop((2, 0, 8, 6)); the filters round by themselves, one level apart at most.
    const pattern = await image(12, 8, (x, y) => [x * 20, y * 30, (x * y * 3) % 256])
      .png()
      .toBuffer();
    const pixels = await pixelsOf(pattern, ['n', 6, 6, 3]);
    const first = [56, 9, 2, 84, 9, 4, 110, 9, 5, 136, 9, 6, 164, 9, 7, 190, 9, 9];
    const last = [56, 201, 57, 84, 201, 84, 110, 201, 111, 136, 201, 137, 164, 201, 165, 190, 201, 191];
    const difference = [
      ...first.map((v, i) => v - (pixels[i] as number)),
      ...last.map((v, i) => v - (pixels[90 + i] as number)),
    ];
    expect(Math.max(...difference.map(Math.abs))).toBeLessThanOrEqual(1);
    // resize((4, 4), BILINEAR), its second row; libvips halves the picture first, which is a little coarser.
    const stretched = await pixelsOf(pattern, ['n', 4, 4, 3], { pictures: { fit: 'stretch' } });
    const second = [25, 75, 10, 80, 75, 30, 140, 75, 53, 195, 75, 73];
    expect(
      Math.max(...second.map((v, i) => Math.abs(v - (stretched[12 + i] as number)))),
    ).toBeLessThanOrEqual(3);
  });

  it('lays out and orders colours as the model and the user want', async () => {
    const twoPixels = await image(2, 1, (x) => (x === 0 ? [1, 2, 3] : [4, 5, 6]))
      .png()
      .toBuffer();
    expect(await pixelsOf(twoPixels, ['n', 1, 2, 3])).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await pixelsOf(twoPixels, ['n', 3, 1, 2])).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await pixelsOf(twoPixels, ['n', 3, 1, 2], { pictures: { channelOrder: 'bgr' } })).toEqual([
      3, 6, 2, 5, 1, 4,
    ]);
    // Without a batch axis the picture is the whole input.
    expect(await pixelsOf(twoPixels, [3, 1, 2])).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('makes grey as Pillow does', async () => {
    const colours: Pixel[] = [RED, [0, 255, 0], BLUE, [10, 200, 77], [99, 99, 99]];
    const bytes = await image(5, 1, (x) => colours[x] as Pixel)
      .png()
      .toBuffer();
    // Image.convert('L') of the same colours.
    expect(await pixelsOf(bytes, ['n', 1, 1, 5])).toEqual([76, 150, 29, 129, 99]);
  });

  it('turns pictures upright by their EXIF orientation', async () => {
    // Orientation 6: the camera was turned, the left column is the top row.
    const bytes = await image(2, 4, (_, y) => (y < 2 ? RED : BLUE))
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    // 90° clockwise: what was on top stands on the right.
    expect(await pixelsOf(bytes, ['n', 2, 4, 3])).toEqual(
      [0, 1].flatMap(() => [BLUE, BLUE, RED, RED].flat()),
    );
  });

  it('puts grey bars beside a letterbox, and drops what is transparent', async () => {
    const bytes = await image(2, 4, () => RED)
      .ensureAlpha(0.5)
      .png()
      .toBuffer();
    const pixels = await pixelsOf(bytes, ['n', 4, 4, 3], { pictures: { fit: 'letterbox' } });
    expect(pixels.slice(0, 12)).toEqual([114, 114, 114, ...RED, ...RED, 114, 114, 114]);
  });

  it('normalizes for float inputs, the preset’s crop and colours in the description', async () => {
    const folder = await folderOf({
      'x.png': await image(4, 4, () => [255, 51, 0])
        .png()
        .toBuffer(),
    });
    const how = { ...raw, label: 'half', scale: 1 / 255, mean: [0, 0.2, 0], std: [0.5, 1, 2], cropRatio: 2 };
    const set = await open(folder, ['n', 3, 2, 2], { preprocess: how }, 'float32');
    expect(Array.from((await set.sample(0)).x?.data ?? [], Number)).toEqual([
      2,
      2,
      2,
      2,
      ...new Array(4).fill(expect.closeTo(0, 7)),
      0,
      0,
      0,
      0,
    ]);
    expect(set.preprocess).toBe('half, crop to 2×2, RGB');
  });

  it('finds images of every kind in nested folders, in sorted order, and nothing else', async () => {
    const picture = image(2, 2, () => RED);
    const [png, jpg, webp] = [
      await picture.png().toBuffer(),
      await picture.jpeg().toBuffer(),
      await picture.webp().toBuffer(),
    ];
    const folder = await folderOf({
      'b/2.JPG': jpg,
      'b.png': png,
      'a/deep/3.WebP': webp,
      'a/1.jpeg': jpg,
      'a/._1.jpeg': 'resource fork',
      'a/notes.txt': 'text',
      '.hidden/x.png': png,
    });
    const set = await open(folder, ['n', 3, 2, 2]);
    expect(set.names).toEqual(['a/1.jpeg', 'a/deep/3.WebP', 'b.png', 'b/2.JPG']);
    for (let i = 0; i < set.length; i++) expect((await set.sample(i)).x?.dims).toEqual([3, 2, 2]);
    // A file by itself is one sample.
    expect((await open(join(folder, 'b.png'), ['n', 3, 2, 2])).length).toBe(1);
  });

  it('names what is cut or no image, and leaves it out', async () => {
    const noise = image(64, 64, (x, y) => [(x * 37 + y * 91) % 256, (x * y) % 256, (x * x + y) % 256]);
    const jpg = await noise.jpeg().toBuffer();
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${10 + i}.jpg`, jpg as Uint8Array]),
    );
    const folder = await folderOf({
      ...files,
      '13.jpg': jpg.subarray(0, jpg.length / 2),
      '15.jpg': 'no image',
    });
    const set = await open(folder, ['n', 3, 8, 8]);
    const { indices, warnings } = await chooseReadable(set, { samples: undefined, seed: 0 });
    expect(indices).toHaveLength(18);
    expect(warnings[0]).toMatch(/^2 of 20 samples of .* left out: 13\.jpg \(.*\); 15\.jpg \(.*\)\.$/);
  });

  const png = () =>
    image(2, 2, () => RED)
      .png()
      .toBuffer();
  it.each([
    ['an open size with nothing said', ['n', 3, 'h', 'w'], {}, 'uint8', 'size-missing'],
    [
      'a size that is not the model’s',
      ['n', 3, 8, 8],
      { pictures: { size: { height: 9, width: 8 } } },
      'uint8',
      'size-fixed',
    ],
    ['float inputs with nothing said', ['n', 3, 8, 8], {}, 'float32', 'data-needs-preprocess'],
    ['four channels', ['n', 4, 8, 8], {}, 'uint8', 'data-shape'],
    ['inputs that are no image', ['n', 3], {}, 'uint8', 'data-shape'],
    ['integers that pixels are not', ['n', 3, 8, 8], {}, 'int8', 'data-type'],
  ] as const)('refuses %s', async (_, shape, settings, type, code) => {
    const folder = await folderOf({ 'x.png': await png() });
    expect(await codeOf(() => open(folder, [...shape], settings, type))).toBe(code);
  });

  it('takes the size that is given where the model leaves it open', async () => {
    const folder = await folderOf({ 'x.png': await png() });
    const set = await open(folder, ['n', 'c', 'h', 'w'], { pictures: { size: { height: 4, width: 6 } } });
    expect((await set.sample(0)).x?.dims).toEqual([3, 4, 6]);
  });

  it('refuses a folder without images', async () => {
    const folder = await folderOf({ 'notes.txt': 'text' });
    expect(await codeOf(() => open(folder, ['n', 3, 8, 8]))).toBe('data-format');
  });
});
