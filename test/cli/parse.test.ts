import { describe, expect, it } from 'vitest';
import {
  type PreprocessFlags,
  parseBytes,
  parseCount,
  parseList,
  parseNumber,
  parseNumbers,
  parsePercent,
  parsePictures,
  parsePreprocess,
  parseRaw,
  parseShard,
} from '../../src/cli/parse.js';
import { codeOf } from '../support/random-data.js';

const refused = async (work: () => unknown) => expect(await codeOf(work)).toBe('bad-option');

describe('parseCount', () => {
  it('takes whole numbers from the least on', () => {
    expect([parseCount('--n', '1', 1), parseCount('--n', '12', 1), parseCount('--n', '0', 0)]).toEqual([
      1, 12, 0,
    ]);
  });
  it.each(['0', '-1', '1.5', '', ' ', 'two', '1,000', 'NaN', 'Infinity', '3x'])(
    'refuses %j',
    async (text) => {
      await refused(() => parseCount('--n', text, 1));
    },
  );
});

describe('parseBytes', () => {
  it.each([
    ['300KB', 300_000],
    ['300kb', 300_000],
    ['1.5 MB', 1_500_000],
    ['2GB', 2e9],
    ['2MiB', 2_097_152],
    ['1KiB', 1024],
    ['12', 12],
    ['12B', 12],
  ])('%s', (text, bytes) => {
    expect(parseBytes('--max-size', text)).toBe(bytes);
  });
  it.each(['', 'KB', '-1KB', '3TB', '1e3', '300 K B', '.5MB', 'constructor'])('refuses %j', async (text) => {
    await refused(() => parseBytes('--max-size', text));
  });
});

describe('parsePercent', () => {
  it('is a share of 1', () => {
    expect(parsePercent('--max-drift', '0.5%')).toBe(0.005);
    expect(parsePercent('--max-drift', '12 %')).toBe(0.12);
  });
  it.each(['0.5', '%', '-1%', '1e2%', ''])('refuses %j', async (text) => {
    await refused(() => parsePercent('--max-drift', text));
  });
});

describe('parseList', () => {
  it('parses part by part', () => {
    expect(parseList('--bits', '2, 4,8', Number)).toEqual([2, 4, 8]);
  });
  it.each(['', ',', '2,', '2,,4'])('refuses %j', async (text) => {
    await refused(() => parseList('--bits', text, Number));
  });
});

describe('parseShard', () => {
  it('counts from 1', () => {
    expect([parseShard('1/1'), parseShard('2/8'), parseShard('8/8')]).toEqual([
      { index: 1, count: 1 },
      { index: 2, count: 8 },
      { index: 8, count: 8 },
    ]);
  });
  it.each(['0/2', '3/2', '2', '1/2/3', '1/0', '/2', '1/', 'a/b', '1.5/2', '-1/2'])(
    'refuses %j',
    async (text) => {
      await refused(() => parseShard(text));
    },
  );
});

describe('parseNumber', () => {
  it.each([
    ['0.5', 0.5],
    ['-1e3', -1000],
    ['1/255', 1 / 255],
    ['-3 / 4', -0.75],
    ['0', 0],
  ])('takes %j', (text, value) => {
    expect(parseNumber('--scale', text)).toBe(value);
  });
  it.each(['', '/', '1/', '/2', '1/0', '0/0', '1/2/3', 'a', 'Infinity', '1 2', '1e400'])(
    'refuses %j',
    async (text) => {
      await refused(() => parseNumber('--scale', text));
    },
  );
});

describe('parseNumbers', () => {
  it('splits at commas', async () => {
    expect(parseNumbers('--mean', '0.485,1/2, -3')).toEqual([0.485, 0.5, -3]);
    for (const text of ['', '1,', ',1', '1,,2', '1;2']) await refused(() => parseNumbers('--mean', text));
  });
});

describe('parsePreprocess', () => {
  it('is undefined where nothing is said', () => {
    expect(parsePreprocess({})).toBeUndefined();
  });

  it.each<[PreprocessFlags, object]>([
    [
      { preprocess: 'none' },
      { label: '--preprocess none', scale: 1, mean: [0], std: [1], layout: undefined },
    ],
    [{ scale: '1/16' }, { label: '--scale 1/16', scale: 1 / 16, mean: [0], std: [1] }],
    [{ layout: 'nhwc' }, { label: '--layout nhwc', scale: 1, mean: [0], std: [1], layout: 'nhwc' }],
    [
      { mean: '1,2', std: '3' },
      { label: '--mean 1,2 --std 3', mean: [1, 2], std: [3] },
    ],
    [
      { preprocess: 'imagenet', std: '0.25' },
      { label: '--preprocess imagenet --std 0.25', scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.25] },
    ],
    [{ preprocess: 'caffe' }, { scale: 1, mean: [103.939, 116.779, 123.68], std: [1], channelOrder: 'bgr' }],
    // 0 → −1 and 255 → 1.
    [{ preprocess: 'tf' }, { scale: 2 / 255, mean: [1], std: [1] }],
    [{ preprocess: 'unit' }, { scale: 1 / 255, mean: [0], std: [1] }],
    // torchvision's transforms.Normalize for its pretrained models.
    [{ preprocess: 'imagenet' }, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], scale: 1 / 255 }],
  ])('reads %j', (flags, expected) => {
    expect(parsePreprocess(flags)).toMatchObject(expected);
  });

  it.each<PreprocessFlags>([
    { preprocess: 'imagnet' },
    { preprocess: 'constructor' },
    { preprocess: '' },
    { layout: 'NHWC' },
    { scale: 'x' },
    { mean: '' },
    { std: '0' },
    { std: '1,0,1' },
    { std: '-1' },
  ])('refuses %j', async (flags) => {
    await refused(() => parsePreprocess(flags));
  });
});

describe('parsePictures', () => {
  it('leaves to the model and the preset what is not said', () => {
    const nothing = { size: undefined, fit: undefined, channelOrder: undefined };
    expect(parsePictures({})).toEqual(nothing);
    expect(parsePictures({ size: '240x320', resize: 'letterbox', channelOrder: 'bgr' })).toEqual({
      size: { height: 240, width: 320 },
      fit: 'letterbox',
      channelOrder: 'bgr',
    });
  });

  it.each([
    { size: '224' },
    { size: '0x224' },
    { size: '2x2x3' },
    { size: '1.5x2' },
    { size: '' },
    { resize: 'fit' },
    { channelOrder: 'RGB' },
  ])('refuses %j', async (flags) => {
    await refused(() => parsePictures(flags));
  });
});

describe('parseRaw', () => {
  it('reads a type and a shape of any rank', () => {
    expect(parseRaw({ binDtype: 'bfloat16', binShape: '3X4x5' })).toEqual({
      type: 'bfloat16',
      shape: [3, 4, 5],
    });
    expect(parseRaw({ binShape: '7' })).toEqual({ type: undefined, shape: [7] });
  });

  it.each([{ binDtype: 'complex64' }, { binShape: '3,4' }, { binShape: '-1x2' }])(
    'refuses %j',
    async (flags) => {
      await refused(() => parseRaw(flags));
    },
  );
});
