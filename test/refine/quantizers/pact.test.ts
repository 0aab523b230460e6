import { expect, test } from 'vitest';
import { pact } from '../../../src/refine/quantizers/pact.js';
import { computeActivation } from '../../support/learned-quantizer.js';

const site = { quantizer: { scale: 0.5, zeroPoint: 0, low: 0, high: 3 }, bits: 2, isSigned: false };

test('by hand: eq. 1 to 3, and the decay of α', async () => {
  // α = 1.5; levels 0, 0.5, 1, 1.5.
  const found = await computeActivation(pact, site, [-0.2, 0.3, 0.8, 1.5, 2], [1, 2, 3, 4, 5]);
  expect(found.output.map((each) => each + 0)).toEqual([0, 0.5, 1, 1.5, 1.5]);
  expect(found.byValue).toEqual([0, 2, 3, 4, 0]);
  expect(found.byParameter[0]?.[0]).toBeCloseTo(4 + 5 + (2 * 1e-4) / 1.5, 5);
  expect(found.quantizer).toEqual({ scale: 0.5, zeroPoint: 0, low: 0, high: 3 });
});

test('values below 0 are refused', () => {
  const whole = { ...site, value: 'x', elements: 1, rate: 1 };
  expect(pact.refuse?.({ ...whole, isSigned: true })).toBe('it has values below 0, which PACT clips');
  expect(pact.refuse?.(whole)).toBeUndefined();
});
