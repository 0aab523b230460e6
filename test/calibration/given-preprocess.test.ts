import { describe, expect, test } from 'vitest';
import { type GivenPreprocess, preprocessOf } from '../../calibration/given-preprocess.js';
import { presets } from '../../calibration/preprocess.js';
import { refusalOf } from '../support/refusal.js';

const raw = { scale: 1, mean: [0], std: [1], layout: undefined };

describe('a whole preprocessing', () => {
  test.each<[string, GivenPreprocess, object]>([
    ['of a name', 'unit', { ...raw, scale: 1 / 255, label: '--preprocess unit' }],
    ['of a preset', presets.tf as GivenPreprocess, { scale: 1 / 127.5, mean: [1], label: '--preprocess tf' }],
    ['of one key', { scale: 1 / 255 }, { ...raw, scale: 1 / 255 }],
    [
      'of fractions',
      { scale: '1/16', mean: ['1/2', 0.25, '1e-1'], std: '2' },
      { scale: 1 / 16, mean: [0.5, 0.25, 0.1], std: [2] },
    ],
    ['of parts of a preset', { ...presets.caffe, layout: 'nhwc' }, { channelOrder: 'bgr', layout: 'nhwc' }],
    ['that is whole', { ...raw, label: 'mine' }, { ...raw, label: 'mine' }],
    ['of nothing', {}, { ...raw, label: '--scale 1 --mean 0 --std 1' }],
  ])('%s', (_, given, expected) => {
    expect(preprocessOf(given)).toMatchObject(expected);
  });

  test('is the same once more', () => {
    const once = preprocessOf({ scale: '1/255', layout: 'nchw' });
    expect(preprocessOf(once)).toEqual(once);
    expect(once?.label).toBe(`--scale ${1 / 255} --mean 0 --std 1 --layout nchw`);
    expect(preprocessOf(undefined)).toBeUndefined();
  });
});

test.each([
  ['units', 'preprocess cannot be "units".'],
  [{ scales: 1 }, 'preprocess.scales is no key that is known.'],
  [{ scale: 'a half' }, 'preprocess.scale cannot be "a half".'],
  [{ scale: '1/0' }, 'preprocess.scale cannot be "1/0".'],
  [{ std: [1, 0] }, 'preprocess.std[1] cannot be 0.'],
  [{ mean: [] }, 'preprocess.mean cannot be [].'],
  [{ layout: 'chw' }, 'preprocess.layout cannot be "chw".'],
  [7, 'preprocess cannot be 7.'],
])('%j is refused', async (given, message) => {
  const error = await refusalOf(() => preprocessOf(given as GivenPreprocess));
  expect([error.code, error.message]).toEqual(['bad-value', message]);
});
