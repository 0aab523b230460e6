import { describe, expect, it } from 'vitest';
import {
  fits,
  type Layout,
  makeTransform,
  type Preprocess,
  type Preset,
  presets,
} from '../../calibration/preprocess.js';
import type { InputSpec } from '../../calibration/source.js';
import { anyInteger, codeOf, forSeeds, shuffled } from '../support/random-data.js';

const imagenet: Preprocess = { ...(presets.imagenet as Preset), label: 'imagenet', layout: undefined };
const raw: Preprocess = { label: 'raw', scale: 1, mean: [0], std: [1], layout: undefined };

const input = (...shape: NonNullable<InputSpec['shape']>): InputSpec => ({
  name: 'x',
  type: 'float32',
  shape,
});

/** Values 0, 1, 2, … of a shape through a transform. */
function counted(dims: readonly number[], spec: InputSpec, how: Preprocess | undefined) {
  const transform = makeTransform('x.npy', dims, spec, how);
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i);
  return { dims: transform.dims, values: [...transform.apply({ type: 'float32', dims, data })] };
}

describe('makeTransform', () => {
  // Four pixels, RGB; (x/255 − mean)/std in exact fractions, rounded to 8 places.
  const pixels = Uint8Array.of(255, 0, 51, 0, 255, 102, 51, 102, 255, 102, 51, 0);
  const red = [2.2489083, -2.11790393, -1.24454148, -0.37117904];
  const green = [-2.03571429, 2.42857143, -0.25, -1.14285714];
  const blue = [-0.91555556, -0.02666667, 2.64, -1.80444444];

  it('normalizes an image as torchvision does, channels first', () => {
    const transform = makeTransform('x.npy', [2, 2, 3], input('n', 3, 2, 2), imagenet);
    const values = transform.apply({ type: 'uint8', dims: [2, 2, 3], data: pixels });
    expect(transform.dims).toEqual([3, 2, 2]);
    [...red, ...green, ...blue].forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 6);
    });
  });

  it('normalizes the same where the model takes channels last', () => {
    const transform = makeTransform('x.npy', [2, 2, 3], input('n', 2, 2, 3), imagenet);
    const values = transform.apply({ type: 'uint8', dims: [2, 2, 3], data: pixels });
    red.forEach((value, pixel) => {
      expect(values[3 * pixel]).toBeCloseTo(value, 6);
      expect(values[3 * pixel + 1]).toBeCloseTo(green[pixel] as number, 6);
      expect(values[3 * pixel + 2]).toBeCloseTo(blue[pixel] as number, 6);
    });
  });

  it('finds the layout from the shapes', () => {
    // Element (h, w, c) of a 2×3 image with 4 channels is 12h + 4w + c.
    const hwc = [0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23];
    expect(counted([2, 3, 4], input('n', 4, 2, 3), raw)).toEqual({ dims: [4, 2, 3], values: hwc });
    // Element (c, h, w) of 4 channels of 2×3 is 6c + 3h + w.
    const chw = [0, 6, 12, 18, 1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 4, 10, 16, 22, 5, 11, 17, 23];
    expect(counted([4, 2, 3], input('n', 2, 3, 4), raw)).toEqual({ dims: [2, 3, 4], values: chw });
    expect(counted([4, 2, 3], input('n', 4, 'h', 'w'), raw).dims).toEqual([4, 2, 3]);
  });

  it('comes back to the same array by way of the other layout', () => {
    forSeeds(20, (random) => {
      const [h = 0, w = 0, c = 0] = shuffled([2, 3, 4, 5, 7], random);
      const first = counted([h, w, c], input('n', c, h, w), raw);
      const data = Float32Array.from(first.values);
      const back = makeTransform('x.npy', [c, h, w], input('n', h, w, c), raw);
      expect([...back.apply({ type: 'float32', dims: [c, h, w], data })]).toEqual(
        Array.from(data, (_, i) => i),
      );
    });
  });

  it('gives each channel its own mean and deviation, wherever the channels stand', () => {
    forSeeds(30, (random) => {
      const [h, w] = [anyInteger(random, 4, 7), anyInteger(random, 4, 7)];
      const how: Preprocess = { label: '', scale: 2, mean: [1, 10, 100], std: [1, 2, 4], layout: 'nchw' };
      const isLast = random() < 0.5;
      const spec = isLast ? input('n', h, w, 3) : input('n', 3, h, w);
      const { values } = counted([3, h, w], spec, how);
      for (let c = 0; c < 3; c++) {
        for (let at = 0; at < h * w; at++) {
          const expected = (2 * (c * h * w + at) - 10 ** c) / 2 ** c;
          expect(values[isLast ? 3 * at + c : c * h * w + at]).toBe(expected);
        }
      }
    });
  });

  it('normalizes along the axis that is moved, though another has as many entries', () => {
    const how: Preprocess = { ...raw, mean: [0, 100, 200] };
    // Element (c, h, w) of 3 channels of 2×3 is 6c + 3h + w; the first pixel is 0, 6, 12 less the means.
    expect(counted([3, 2, 3], input('n', 2, 3, 3), how).values.slice(0, 3)).toEqual([0, -94, -188]);
  });

  it('takes float values as they are stored, with nothing said', () => {
    const data = Float32Array.of(-0, 2 ** -149, 3, 4);
    const transform = makeTransform('x.npy', [4], input('n', 4), undefined);
    expect(transform.apply({ type: 'float32', dims: [4], data })).toEqual(data);
    expect(counted([3, 3, 3], input('n', 3, 3, 3), undefined).values).toEqual(
      Array.from({ length: 27 }, (_, i) => i),
    );
  });

  it('permutes nothing unasked', async () => {
    expect(await codeOf(() => makeTransform('x.npy', [2, 2, 3], input('n', 3, 2, 2), undefined))).toBe(
      'data-shape',
    );
  });

  describe('where both layouts fit', () => {
    const square = (layout: Layout | undefined) =>
      counted([3, 3, 3], input('n', 3, 3, 3), { ...raw, layout });
    it('asks', () => {
      expect(() => square(undefined)).toThrow(/does not fit/);
      expect(() => counted([2, 3, 4], input('n', 'c', 'h', 'w'), raw)).toThrow(/does not fit/);
    });
    it('takes what it is told', () => {
      expect(square('nchw').values.slice(0, 4)).toEqual([0, 1, 2, 3]);
      expect(square('nhwc').values.slice(0, 4)).toEqual([0, 3, 6, 9]);
    });
  });

  it.each([
    ['another size', [2, 2, 3], input('n', 3, 4, 4), raw, 'data-shape'],
    ['another rank', [4, 4], input('n', 1, 4, 4), raw, 'data-shape'],
    [
      'the layout that is denied',
      [2, 2, 3],
      input('n', 3, 2, 2),
      { ...raw, layout: 'nchw' as const },
      'data-shape',
    ],
    ['a mean for more channels than there are', [2, 2, 1], input('n', 1, 2, 2), imagenet, 'data-format'],
    ['a mean for axes of which two could be meant', [3, 2, 3], input('n', 3, 2, 3), imagenet, 'data-format'],
  ])('refuses %s', async (_, dims, spec, how, code) => {
    expect(await codeOf(() => makeTransform('x.npy', dims, spec, how))).toBe(code);
  });
});

describe('fits', () => {
  it('takes any size where the shape names or states none', () => {
    expect(fits([4, 5], ['h', undefined])).toBe(true);
    expect(fits([4, 5], [4, 5])).toBe(true);
    expect(fits([4, 5], [4, 6])).toBe(false);
    expect(fits([4], ['h', undefined])).toBe(false);
  });
});
