import { expect, test } from 'vitest';
import { adaround } from '../../../src/refine/quantizers/adaround.js';
import { affineStart, computeWeight } from '../../support/learned-quantizer.js';

const tensor = affineStart([1, 4], 3, [0.5]);
// w/s = 0.6, −1.8, 2.2, −3.9.
const weight = [0.3, -0.9, 1.1, -1.95];
const gradient = [1, 2, 3, 4];

test('it starts at the weights themselves, and stores the nearest codes', async () => {
  const found = await computeWeight(adaround, tensor, weight, gradient, { latent: false, scheduled: 0 });
  found.output.forEach((each, at) => {
    expect(each).toBeCloseTo(weight[at] ?? 0, 5);
  });
  expect(found.stored.kind === 'affine' && Array.from(found.stored.codes)).toEqual([1, -2, 2, -4]);
});

test('the gradient is that of the stretched sigmoid, with the penalty’s, by differences', async () => {
  const rests = [0.6, 0.2, 0.2, 0.1];
  const share = rests.map((rest) => (rest + 0.1) / 1.2);
  const starts = share.map((each) => Math.log(each / (1 - each)));
  const h = (v: number) => Math.min(Math.max(1.2 / (1 + Math.exp(-v)) - 0.1, 0), 1);
  // β and the strength both get the scheduled 2.
  const loss = (v: number, at: number) => {
    const penalty = 2 * (1 - Math.abs(2 * h(v) - 1) ** 2);
    return 0.5 * h(v) * (gradient[at] ?? 0) + penalty;
  };
  const found = await computeWeight(adaround, tensor, weight, gradient, { latent: false });
  starts.forEach((v, at) => {
    const expected = (loss(v + 1e-5, at) - loss(v - 1e-5, at)) / 2e-5;
    expect(found.byParameter[0]?.[at]).toBeCloseTo(expected, 3);
  });
});

test('codes stay within the width', async () => {
  const found = await computeWeight(adaround, tensor, [5, -5, 1.5, -2], gradient, { latent: false });
  expect(found.stored.kind === 'affine' && Array.from(found.stored.codes)).toEqual([3, -4, 3, -4]);
});

test('a float weight that is learned, too, is refused', () => {
  const site = { value: 'w', weight: new Float32Array(4), tensor, rate: 1 };
  expect(adaround.refuse?.({ ...site, latent: true })).toBe('it learns the rounding of fixed weights');
  expect(adaround.refuse?.({ ...site, latent: false })).toBeUndefined();
});
