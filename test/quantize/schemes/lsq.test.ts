import { expect, it } from 'vitest';
import type { AffineTensor } from '../../../src/quantize/quantized-tensor.js';
import { lsq } from '../../../src/quantize/schemes/lsq.js';
import { weightRequest } from '../../support/weight-request.js';

it('is twice the mean magnitude over √Q_P, by hand', () => {
  // Mean magnitude 2.5; Q_P = 7 at 4 bits, 1 at 2 bits.
  const values = [1, -2, 3, -4];
  const four = lsq.quantize(weightRequest(values)) as AffineTensor;
  expect(four.scales[0]).toBe(Math.fround(5 / Math.sqrt(7)));
  expect([...four.codes]).toEqual([1, -1, 2, -2]);
  const two = lsq.quantize(weightRequest([10, -10, ...values], { bits: 2 })) as AffineTensor;
  expect(two.scales[0]).toBe(Math.fround(10));
  expect([...two.codes]).toEqual([1, -1, 0, 0, 0, 0]);
});

it('has the full range, but for −128', () => {
  const values = [-1000, ...new Array<number>(999).fill(1)];
  const codeOfFirst = (bits: number) =>
    (lsq.quantize(weightRequest(values, { bits })) as AffineTensor).codes[0];
  expect([2, 3, 4, 8].map(codeOfFirst)).toEqual([-2, -4, -8, -127]);
});
