import { expect, test } from 'vitest';
import { dequantizeTensor } from '../../../src/quantize/quantized-tensor.js';
import { qilActivations, qilWeights } from '../../../src/refine/quantizers/qil.js';
import { affineStart, computeActivation, computeWeight } from '../../support/learned-quantizer.js';

const weight = [0.9, -0.35, 0.1, -0.7];
const gradient = [1, 2, 3, 4];

/** Eq. 4 and the rounding of a magnitude, the rounding left out where `soft`. */
function transformed(w: number, c: number, d: number, gamma: number, top: number, soft: boolean): number {
  const place = (Math.abs(w) - c) / (2 * d) + 0.5;
  const curve = top * Math.min(Math.max(place, 0), 1) ** gamma;
  return Math.sign(w) * (soft ? curve : Math.round(curve));
}

test('weights, by hand: forward rounded, backward as if the rounding were none', async () => {
  const found = await computeWeight(qilWeights, affineStart([1, 4], 3, [0.5]), weight, gradient);
  // The start: c = d = max|w|/2 = 0.45, γ = 1, q = 3; codes 3, −1, 0, −2; s = Σ|w|q / Σq² = 4.45/14.
  const scale = 4.45 / 14;
  const codes = weight.map((w) => transformed(w, 0.45, 0.45, 1, 3, false));
  expect(codes.map((code) => code + 0)).toEqual([3, -1, 0, -2]);
  found.output.forEach((each, at) => {
    expect(each).toBeCloseTo(scale * (codes[at] ?? 0), 5);
  });
  const inside = weight.slice(1);
  const slope = (f: (v: number) => number, at: number) => (f(at + 1e-6) - f(at - 1e-6)) / 2e-6;
  // The largest weight lies on the end of the interval, where both slopes are right: it is left out.
  const total = (f: (w: number) => number) =>
    inside.reduce((sum, w, at) => sum + scale * (gradient[at + 1] ?? 0) * f(w), 0);
  const byCentre = total((w) => slope((c) => transformed(w, c, 0.45, 1, 3, true), 0.45));
  const byPower = total((w) => slope((gamma) => transformed(w, 0.45, 0.45, gamma, 3, true), 1));
  const end = scale * 1 * 3 * (-1 / 0.9);
  const close = [byCentre, byCentre + end].some(
    (each) => Math.abs(each - (found.byParameter[0]?.[0] ?? 0)) < 1e-3,
  );
  expect(close).toBe(true);
  expect(found.byParameter[2]?.[0]).toBeCloseTo(byPower, 3);
  expect(found.byParameter[3]?.[0]).toBeCloseTo(
    codes.reduce((sum, code, at) => sum + code * (gradient[at] ?? 0), 0),
    4,
  );
});

test('what is stored is what was computed', async () => {
  const found = await computeWeight(qilWeights, affineStart([2, 2], 3, [0.5, 0.3]), weight, gradient);
  expect(Array.from(dequantizeTensor(found.stored), (each) => each + 0)).toEqual(
    found.output.map((each) => each + 0),
  );
});

test('activations, by hand: the interval from 0 on', async () => {
  // d = 0.75: levels 0, 0.5, 1, 1.5.
  const quantizer = { scale: 0.5, zeroPoint: 0, low: 0, high: 3 };
  const found = await computeActivation(
    qilActivations,
    { quantizer, bits: 2, isSigned: false },
    [0.3, 1.2, 2],
    [1, 2, 3],
  );
  expect(found.output).toEqual([0.5, 1, 1.5]);
  expect(found.byValue).toEqual([1, 2, 0]);
  expect(found.byParameter[0]?.[0]).toBeCloseTo((2 / 3) * (1 * (1 - 0.6) + 2 * (2 - 2.4) + 3 * 3), 4);
});
