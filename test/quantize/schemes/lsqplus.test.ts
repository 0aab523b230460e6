import { expect, it } from 'vitest';
import type { AffineTensor } from '../../../src/quantize/quantized-tensor.js';
import { lsqplus } from '../../../src/quantize/schemes/lsqplus.js';
import { weightRequest } from '../../support/weight-request.js';

it('reaches three standard deviations on the longer side, by hand', () => {
  // μ = 1, σ = 2: max(|1 − 6|, |1 + 6|) = 7; 8 steps at 4 bits, 2 at 2 bits.
  const values = [3, -1, 3, -1];
  expect(lsqplus.quantize(weightRequest(values)).scales[0]).toBe(7 / 8);
  expect((lsqplus.quantize(weightRequest(values)) as AffineTensor).codes).toEqual(Int8Array.of(3, -1, 3, -1));
  expect(lsqplus.quantize(weightRequest(values, { bits: 2 })).scales[0]).toBe(7 / 2);
  // The mirror image has the same step.
  const mirrored = values.map((w) => -w);
  expect(lsqplus.quantize(weightRequest(mirrored)).scales[0]).toBe(7 / 8);
});

it('spans the same with a reduced range', () => {
  expect(lsqplus.quantize(weightRequest([3, -1, 3, -1], { bits: 8 })).scales[0]).toBe(7 / 128);
  expect(lsqplus.quantize(weightRequest([3, -1, 3, -1], { bits: 8, limit: 63 })).scales[0]).toBe(7 / 64);
});
