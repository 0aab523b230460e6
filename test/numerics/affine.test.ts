import { describe, expect, test } from 'vitest';
import {
  type AffineQuantizer,
  dequantizeValue,
  LARGEST_FLOAT,
  quantizerOfEnds,
  quantizerOfRange,
  quantizeValue,
  SMALLEST_NORMAL,
  symmetricQuantizer,
  unsignedRange,
} from '../../src/numerics/affine.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

test('the ends of float32 are those of its bits', () => {
  const [largest, smallest] = new Float32Array(Uint32Array.of(0x7f7f_ffff, 0x0080_0000).buffer);
  expect([LARGEST_FLOAT, SMALLEST_NORMAL]).toEqual([largest, smallest]);
});

describe('quantizerOfRange', () => {
  // Worked by hand: scale = float32((max − min) / (2^bits − 1)) over the range with 0 in it, zero point = −min / scale.
  test.each([
    ['codes as they are', 0, 255, 8, 1, 0],
    ['signed', -128, 127, 8, 1, 128],
    ['the scale is rounded to float32', -1, 3, 8, 0.015686275437474251, 64],
    ['a positive range is widened to 0', 2, 6, 4, 0.4000000059604645, 0],
    ['a negative range is widened to 0', -6, -2, 4, 0.4000000059604645, 15],
    ['two bits', -0.5, 1, 2, 0.5, 1],
    ['a zero point halfway goes to the even one above', -1.5, 1.5, 2, 1, 2],
    ['a zero point halfway goes to the even one below', -0.5, 2.5, 2, 1, 0],
    ['all zero', 0, 0, 8, 1, 0],
    ['a step below the smallest normal float32', 0, 1e-40, 8, 1, 0],
    ['wider than the largest float32', -1.5 * 2 ** 127, 1.5 * 2 ** 127, 2, 2 ** 127, 2],
  ])('%s', (_, min, max, bits, scale, zeroPoint) => {
    const q = quantizerOfRange(min, max, bits);
    expect(q).toEqual({ scale: Math.fround(scale), zeroPoint, low: 0, high: 2 ** bits - 1 });
  });

  test('0 is exact, whatever the range', () => {
    const ends = randomFloats(400, 5, -100, 100);
    for (let i = 0; i < ends.length; i += 2) {
      const [a = 0, b = 0] = [ends[i], ends[i + 1]];
      for (const bits of [2, 4, 8]) {
        const q = quantizerOfRange(Math.min(a, b), Math.max(a, b), bits);
        expect(dequantizeValue(quantizeValue(0, q), q)).toBe(0);
      }
    }
  });

  test('more bits never raise the mean squared error', () => {
    for (let seed = 0; seed < 20; seed++) {
      const values = randomFloats(2000, seed, -1 - seed, 0.3 + seed / 3);
      const errors = [2, 3, 4, 5, 6, 7, 8].map((bits) => {
        const q = quantizerOfRange(Math.min(...values), Math.max(...values), bits);
        return values.reduce((sum, x) => sum + (dequantizeValue(quantizeValue(x, q), q) - x) ** 2, 0);
      });
      expect(errors).toEqual([...errors].sort((a, b) => b - a));
    }
  });
});

describe('symmetricQuantizer', () => {
  // By hand: scale = magnitude / (2^(bits−1) − 1) with the middle code as zero point, or magnitude / (2^bits − 1) from 0.
  test.each([
    ['signed, 8 bits', 127, true, 8, 1, 128],
    ['signed, 4 bits', 3.5, true, 4, 0.5, 8],
    ['signed, 2 bits', 0.75, true, 2, 0.75, 2],
    ['unsigned, 8 bits', 255, false, 8, 1, 0],
    ['unsigned, 2 bits', 0.75, false, 2, 0.25, 0],
    ['the scale is rounded to float32', 1, true, 8, 0.007874015718698502, 128],
    ['zero', 0, true, 8, 1, 128],
    ['zero, unsigned', 0, false, 8, 1, 0],
    ['a step below the smallest normal float32', 1e-40, true, 8, 1, 128],
  ])('%s', (_, magnitude, isSigned, bits, scale, zeroPoint) => {
    const q = symmetricQuantizer(magnitude, isSigned, bits);
    expect(q).toEqual({ scale, zeroPoint, low: 0, high: 2 ** bits - 1 });
  });

  test('both ends and 0 are levels', () => {
    for (const magnitude of randomFloats(50, 3, 1e-3, 1e3)) {
      for (const bits of [2, 5, 8]) {
        const q = symmetricQuantizer(magnitude, true, bits);
        const levels = [-magnitude, 0, magnitude].map(
          (x) => dequantizeValue(quantizeValue(x, q), q) / magnitude,
        );
        [-1, 0, 1].forEach((expected, i) => {
          expect(levels[i]).toBeCloseTo(expected, 6);
        });
      }
    }
  });
});

test('quantizerOfEnds takes the larger end where it is symmetric, the range where not', () => {
  expect(quantizerOfEnds(-51, 204, 8, false)).toEqual(quantizerOfRange(-51, 204, 8));
  expect(quantizerOfEnds(-254, 204, 8, true)).toEqual({ scale: 2, zeroPoint: 128, low: 0, high: 255 });
  expect(quantizerOfEnds(-1, 254, 8, true)).toEqual({ scale: 2, zeroPoint: 128, low: 0, high: 255 });
  expect(quantizerOfEnds(0, 510, 8, true)).toEqual({ scale: 2, zeroPoint: 0, low: 0, high: 255 });
  expect(quantizerOfEnds(3, 510, 8, true)).toEqual({ scale: 2, zeroPoint: 0, low: 0, high: 255 });
  expect(quantizerOfEnds(-254, -3, 8, true)).toEqual({ scale: 2, zeroPoint: 128, low: 0, high: 255 });
});

test('unsignedRange', () => {
  expect([2, 4, 8].map(unsignedRange)).toEqual([
    { low: 0, high: 3 },
    { low: 0, high: 15 },
    { low: 0, high: 255 },
  ]);
});

test('a value that came from a code goes back to that code', () => {
  for (let seed = 0; seed < 50; seed++) {
    const [min = 0, max = 0] = randomFloats(2, seed).map((x) => x * 10 ** (seed % 9));
    const q = quantizerOfRange(Math.min(min, max), Math.max(min, max), 8);
    for (let code = q.low; code <= q.high; code++) {
      expect(quantizeValue(dequantizeValue(code, q), q)).toBe(code);
    }
  }
});

test('a value inside the range is off by half a step at most', () => {
  const q = quantizerOfRange(-2, 5, 6);
  for (const x of randomFloats(2000, 9, dequantizeValue(q.low, q), dequantizeValue(q.high, q))) {
    expect(Math.abs(dequantizeValue(quantizeValue(x, q), q) - x)).toBeLessThanOrEqual(q.scale / 2 + 1e-7);
  }
});

describe('onnxruntime computes the same', () => {
  const scales = [0.25, 1, Math.fround(0.1), Math.fround(4 / 255), Math.fround(3.7e-5), Math.fround(1 / 3)];
  const types = [
    { type: 'uint8', low: 0, high: 255, zeroPoint: 77, array: Uint8Array },
    { type: 'int8', low: -128, high: 127, zeroPoint: -9, array: Int8Array },
  ] as const;

  test.each(types.flatMap((type) => scales.map((scale) => ({ ...type, scale }))))(
    '$type, scale $scale',
    async ({ type, low, high, zeroPoint, array, scale }) => {
      const q: AffineQuantizer = { scale, zeroPoint, low, high };
      // Ties (exact ones where the scale is a power of two), what is beyond both ends, and what lies between.
      const ties = Float32Array.from({ length: 601 }, (_, i) => (i - 300.5) * scale);
      const between = randomFloats(2000, 4, -300 * scale, 300 * scale);
      const data = Float32Array.of(...ties, ...between, 0, -0, 3e38, -3e38);
      const g = new GraphBuilder();
      g.input('x', [data.length]);
      g.constant('scale', [], [scale]);
      g.constant('zero_point', [], array.of(zeroPoint));
      g.node('QuantizeLinear', ['x', 'scale', 'zero_point'], 'codes');
      g.node('DequantizeLinear', ['codes', 'scale', 'zero_point'], 'values');
      g.output('codes', [data.length], type);
      g.output('values', [data.length]);
      const outputs = await runIn('disabled', g.build(), {
        x: { type: 'float32', dims: [data.length], data },
      });
      const codes = Array.from(data, (x) => quantizeValue(x, q));
      expect(codes).toEqual(Array.from(outputs.get('codes')?.data as Uint8Array));
      const values = codes.map((code) => dequantizeValue(code, q));
      expect(values).toEqual(Array.from(outputs.get('values')?.data as Float32Array));
    },
  );
});
