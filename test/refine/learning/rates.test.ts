import { expect, test } from 'vitest';
import type { AffineTensor, CodebookTensor } from '../../../src/quantize/quantized-tensor.js';
import { deviationOf, rateOf, reachOf, stepsOf } from '../../../src/refine/learning/rates.js';

test('rates add up to how far it may go: a half cosine has a mean of one half', () => {
  expect(rateOf(0.3, { rate: 1, steps: 60 })).toBeCloseTo(0.01, 12);
  expect(rateOf(0.3, { rate: 2, steps: 300 })).toBeCloseTo(0.004, 12);
});

test('a step is the scale, or the mean distance of the levels of a channel', () => {
  const affine: AffineTensor = {
    ...{ kind: 'affine', dims: [2, 1], bits: 3, axis: 0 },
    ...{ codes: new Int8Array(2), scales: Float32Array.of(0.5, 2) },
  };
  expect(Array.from(stepsOf(affine))).toEqual([0.5, 2]);
  const levels = Int8Array.of(-100, 0, 20, 80, -3, -1, 0, 3);
  const codebook: CodebookTensor = {
    ...{ kind: 'codebook', dims: [2, 1], bits: 2, axis: 0, channelsPerCodebook: 1 },
    ...{ indices: new Uint8Array(2), levels, scales: Float32Array.of(0.5, 2) },
  };
  // 180 / 3 at 0.5; 6 / 3 at 2.
  expect(Array.from(stepsOf(codebook))).toEqual([30, 4]);
  const shared = { ...codebook, channelsPerCodebook: undefined, levels: levels.slice(0, 4) };
  expect(Array.from(stepsOf(shared))).toEqual([30, 120]);
});

test('a bias is measured in its root mean square; of none, and of zeros, in ones', () => {
  expect(deviationOf(Float32Array.of(3, -4, 0, 0))).toBeCloseTo(2.5, 6);
  expect([deviationOf(undefined), deviationOf(new Float32Array(3))]).toEqual([1, 1]);
});

test('a whole network goes as far as its outputs are off, and no farther than 4', () => {
  expect([0, 0.01, 0.04, 0.16, 0.9].map(reachOf)).toEqual([0, 1, 2, 4, 4]);
});

test('beyond 300 steps more of them go farther, not finer', () => {
  expect(rateOf(0.3, { rate: 1, steps: 3000 })).toBe(rateOf(0.3, { rate: 1, steps: 300 }));
});
