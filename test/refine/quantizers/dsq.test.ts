import { expect, test } from 'vitest';
import { dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { dsqActivations, dsqWeights } from '../../../src/refine/quantizers/dsq.js';
import { affineStart, computeActivation, computeWeight } from '../../support/learned-quantizer.js';

/** The soft staircase of the paper, eq. 3 to 10, in float64. */
function soft(x: number, l: number, u: number, alpha: number, intervals: number): number {
  if (x < l) return l;
  if (x > u) return u;
  const delta = (u - l) / intervals;
  const i = Math.min(Math.floor((x - l) / delta), intervals - 1);
  const s = 1 / (1 - alpha);
  const k = Math.log(2 / alpha - 1) / delta;
  const phi = s * Math.tanh(k * (x - (l + (i + 0.5) * delta)));
  return l + delta * (i + (phi + 1) / 2);
}

/** Central difference. */
const slope = (f: (v: number) => number, at: number) => (f(at + 1e-6) - f(at - 1e-6)) / 2e-6;

const values = [-1.4, -0.9, -0.33, 0.12, 0.4, 0.77, 1.6];
const gradient = [1, -2, 3, 1, 2, -1, 0.5];

test('activations: forward a uniform quantizer, backward the slopes of the soft staircase', async () => {
  const quantizer = { scale: 0.5, zeroPoint: 2, low: 0, high: 3 };
  const [l, u, alpha] = [-1, 0.5, 0.2];
  const found = await computeActivation(
    dsqActivations,
    { quantizer, bits: 2, isSigned: true },
    values,
    gradient,
  );
  expect(found.quantizer).toEqual(quantizer);
  expect(found.output).toEqual([-1, -1, -0.5, 0, 0.5, 0.5, 0.5]);
  values.forEach((x, at) => {
    const expected = (gradient[at] ?? 0) * slope((v) => soft(v, l, u, alpha, 3), x);
    expect(found.byValue[at]).toBeCloseTo(expected, 4);
  });
  const total = (f: (x: number) => number) =>
    values.reduce((sum, x, at) => sum + (gradient[at] ?? 0) * f(x), 0);
  const expected = [
    total((x) => slope((v) => soft(x, v, u, alpha, 3), l)),
    total((x) => slope((v) => soft(x, l, v, alpha, 3), u)),
    total((x) => slope((v) => soft(x, l, u, v, 3), alpha)),
  ];
  expected.forEach((each, at) => {
    expect(found.byParameter[at]?.[0]).toBeCloseTo(each, 3);
  });
});

test('weights: the range is −Q_N·s … Q_P·s', async () => {
  const found = await computeWeight(dsqWeights, affineStart([1, 7], 2, [0.5]), values, gradient);
  const total = (f: (x: number) => number) =>
    values.reduce((sum, x, at) => sum + (gradient[at] ?? 0) * f(x), 0);
  const byStep = total((x) => slope((s) => soft(x, -2 * s, s, 0.2, 3), 0.5));
  const byAlpha = total((x) => slope((a) => soft(x, -1, 0.5, a, 3), 0.2));
  expect(found.byParameter[0]?.[0]).toBeCloseTo(byStep, 3);
  expect(found.byParameter[1]?.[0]).toBeCloseTo(byAlpha, 3);
  expect(Array.from(dequantizeTensor(found.stored))).toEqual(found.output);
});
