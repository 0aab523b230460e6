import { expect, test } from 'vitest';
import { dequantizeValue, quantizeValue } from '../../../src/numerics/affine.js';
import { dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { lsqActivations, lsqWeights } from '../../../src/refine/quantizers/lsq.js';
import { affineStart, computeActivation, computeWeight } from '../../support/learned-quantizer.js';

// 3 bits: codes −4 … 3, s = 0.5. v/s = 0.6, −1.8, 4.4, −5; g = 1, 2, 3, 4.
const weight = [0.3, -0.9, 2.2, -2.5];
const gradient = [1, 2, 3, 4];

test('weights, by hand: eq. 3 and 5, scaled by 1/√(N·Q_P)', async () => {
  const found = await computeWeight(lsqWeights, affineStart([1, 4], 3, [0.5]), weight, gradient);
  expect(found.output).toEqual([0.5, -1, 1.5, -2]);
  expect(found.byValue).toEqual([1, 2, 0, 0]);
  // 1·(1 − 0.6) + 2·(−2 + 1.8) + 3·3 + 4·(−4) = −7.
  expect(found.byParameter[0]?.[0]).toBeCloseTo(-7 / Math.sqrt(4 * 3), 5);
});

test('a scale for each channel gets the sum over its own weights', async () => {
  const found = await computeWeight(lsqWeights, affineStart([2, 2], 3, [0.5, 1]), weight, gradient);
  expect(found.output).toEqual([0.5, -1, 2, -2]);
  const factor = 1 / Math.sqrt(2 * 3);
  const byScale = [0.4 - 0.4, 3 * (2 - 2.2) + 4 * (-2 + 2.5)].map((each) => each * factor);
  byScale.forEach((each, at) => {
    expect(found.byParameter[0]?.[at]).toBeCloseTo(each, 5);
  });
});

test('what is stored is what was computed', async () => {
  const found = await computeWeight(lsqWeights, affineStart([2, 2], 2, [0.7, 0.4]), weight, gradient);
  expect(Array.from(dequantizeTensor(found.stored))).toEqual(found.output);
});

test('activations: the zero point stays, and the quantizer is what QuantizeLinear computes', async () => {
  const grid = { scale: 0.3, zeroPoint: 2, low: 0, high: 7 };
  const values = [-0.7, -0.45, 0, 0.45, 1.05, 1.5, 2.9];
  const found = await computeActivation(
    lsqActivations,
    { quantizer: grid, bits: 3, isSigned: true },
    values,
    values.map(() => 1),
  );
  expect(found.quantizer).toEqual({ ...grid, scale: Math.fround(0.3) });
  const expected = values.map((x) =>
    dequantizeValue(quantizeValue(Math.fround(x), found.quantizer), found.quantizer),
  );
  expect(found.output).toEqual(expected);
  // Within: −2 … 5 steps, −0.6 … 1.5.
  expect(found.byValue).toEqual([0, 1, 1, 1, 1, 1, 0].map((each, at) => (values[at] === 1.5 ? 1 : each)));
});

test('a codebook has no step', () => {
  const tensor = { kind: 'codebook' } as Parameters<NonNullable<typeof lsqWeights.refuse>>[0]['tensor'];
  expect(lsqWeights.refuse?.({ value: 'w', weight: new Float32Array(), tensor, latent: true, rate: 1 })).toBe(
    'it is stored as a codebook',
  );
});
