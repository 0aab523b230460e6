import { expect, test } from 'vitest';
import { dequantizeValue, quantizeValue } from '../../../src/numerics/affine.js';
import { named } from '../../../src/recipe.js';
import { lsqplusActivations } from '../../../src/refine/quantizers/lsqplus.js';
import { computeActivation } from '../../support/learned-quantizer.js';

const learner = (name: string) => named(lsqplusActivations, name);
// 2 bits, s = 0.5, β = −0.5: codes 0 … 3 are −0.5 … 1.
const grid = { scale: 0.5, zeroPoint: 1, low: 0, high: 3 };
const values = [-1.2, -0.4, 0.1, 0.6, 1.9];
const gradient = [1, 2, 3, 4, 5];

test('configuration 4, by hand: eq. 4 to 7', async () => {
  const found = await computeActivation(
    learner('lsqplus'),
    { quantizer: grid, bits: 2, isSigned: true },
    values,
    gradient,
  );
  expect(found.output).toEqual([-0.5, -0.5, 0, 0.5, 1]);
  expect(found.byValue).toEqual([0, 2, 3, 4, 0]);
  const factor = 1 / Math.sqrt(5 * 3);
  // (x − β)/s = −1.4, 0.2, 1.2, 2.2, 4.8: n = 0 below, rounded less itself within, p = 3 above.
  const byStep = 1 * 0 + 2 * (0 - 0.2) + 3 * (1 - 1.2) + 4 * (2 - 2.2) + 5 * 3;
  expect(found.byParameter[0]?.[0]).toBeCloseTo(byStep * factor, 4);
  expect(found.byParameter[1]?.[0]).toBeCloseTo((1 + 5) * factor, 5);
});

test('configurations 3 and 4 are one quantizer, with another gradient of the step', async () => {
  const site = { quantizer: grid, bits: 2, isSigned: true };
  const third = await computeActivation(learner('lsqplus-3'), site, values, gradient);
  const fourth = await computeActivation(learner('lsqplus'), site, values, gradient);
  expect(third.output).toEqual(fourth.output);
  expect(third.quantizer).toEqual(fourth.quantizer);
  // Beyond the ends n = −2 and p = 1 in place of 0 and 3, and the scale of the gradient has p = 1.
  const byStep = 1 * -2 + 2 * (0 - 0.2) + 3 * (1 - 1.2) + 4 * (2 - 2.2) + 5 * 1;
  expect(third.byParameter[0]?.[0]).toBeCloseTo(byStep / Math.sqrt(5), 4);
});

test('configurations 1 and 2 have no offset: from 0, and around 0', async () => {
  const site = { quantizer: grid, bits: 2, isSigned: true };
  const first = await computeActivation(learner('lsqplus-1'), site, values, gradient);
  const second = await computeActivation(learner('lsqplus-2'), site, values, gradient);
  expect([first.quantizer.zeroPoint, second.quantizer.zeroPoint]).toEqual([0, 2]);
  expect([first.byParameter.length, second.byParameter.length]).toEqual([1, 1]);
  expect(first.output).toEqual([0, 0, 0, 0.5, 1.5]);
  expect(second.output).toEqual([-1, -0.5, 0, 0.5, 0.5]);
});

test('what runs is what was computed, ties too', async () => {
  const ties = [-0.75, -0.25, 0.25, 0.75, 1.25];
  const found = await computeActivation(
    learner('lsqplus'),
    { quantizer: grid, bits: 2, isSigned: true },
    ties,
    gradient,
  );
  expect(found.output).toEqual(
    ties.map((x) => dequantizeValue(quantizeValue(x, found.quantizer), found.quantizer)),
  );
});
