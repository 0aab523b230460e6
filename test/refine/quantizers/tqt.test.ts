import { expect, test } from 'vitest';
import { dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { tqtActivations, tqtWeights } from '../../../src/refine/quantizers/tqt.js';
import { affineStart, computeActivation, computeWeight } from '../../support/learned-quantizer.js';

test('weights, by hand: eq. 8 with a scale of 2^⌈log₂t⌉ / 2^(bits−1)', async () => {
  // 3 bits: a start at 0.5 stays 0.5. v/s = 0.6, −1.8, 4.4, −5.
  const found = await computeWeight(
    tqtWeights,
    affineStart([1, 4], 3, [0.5]),
    [0.3, -0.9, 2.2, -2.5],
    [1, 2, 3, 4],
  );
  expect(found.output).toEqual([0.5, -1, 1.5, -2]);
  expect(found.byValue).toEqual([1, 2, 0, 0]);
  expect(found.byParameter[0]?.[0]).toBeCloseTo(0.5 * Math.LN2 * -7, 5);
  expect(Array.from(dequantizeTensor(found.stored))).toEqual(found.output);
});

test('every scale is a power of two', async () => {
  const found = await computeWeight(
    tqtWeights,
    affineStart([3, 1], 4, [0.3, 0.06, 1.1]),
    [1, 1, 1],
    [1, 1, 1],
  );
  expect(Array.from(found.stored.scales)).toEqual([0.25, 0.0625, 1]);
});

test('activations: from 0 the range is 2^bits steps, with values below 0 half of them', async () => {
  const quantizer = { scale: 0.25, zeroPoint: 0, low: 0, high: 7 };
  const unsigned = await computeActivation(
    tqtActivations,
    { quantizer, bits: 3, isSigned: false },
    [0.3, 3],
    [1, 2],
  );
  expect(unsigned.quantizer).toEqual({ ...quantizer, scale: 0.25 });
  expect(unsigned.output).toEqual([0.25, 1.75]);
  expect(unsigned.byParameter[0]?.[0]).toBeCloseTo(0.25 * Math.LN2 * (1 - 1.2 + 2 * 7), 5);
  const signed = await computeActivation(
    tqtActivations,
    { quantizer: { ...quantizer, zeroPoint: 3 }, bits: 3, isSigned: true },
    [-3, 0.3],
    [1, 1],
  );
  expect(signed.quantizer).toEqual({ scale: 0.25, zeroPoint: 4, low: 0, high: 7 });
  expect(signed.output).toEqual([-1, 0.25]);
});
