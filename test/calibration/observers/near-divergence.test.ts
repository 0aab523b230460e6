import { describe, expect, it } from 'vitest';
import { divergenceAt, leastDivergentBins } from '../../../calibration/observers/divergence.js';
import type { DivergenceVariant } from '../../../calibration/observers/divergence-variant.js';
import { NearDivergence } from '../../../calibration/observers/near-divergence.js';
import { randomFloats } from '../../support/graph-builder.js';

const variants: readonly DivergenceVariant[] = [
  { spread: 'filled', epsilon: 0, normalized: true, last: 96 },
  { spread: 'even', epsilon: 1e-4, normalized: false, last: 95 },
];

const whole = (count: number, make: (k: number) => number) =>
  Float64Array.from({ length: count }, (_, k) => Math.max(0, Math.floor(make(k))));
const noise = randomFloats(96, 5, 0, 1);
const at = (k: number) => noise[k] as number;

const histograms: Readonly<Record<string, Float64Array>> = {
  'of a bell with a long sparse tail': whole(96, (k) => 1e6 * Math.exp(-k / 5) + (k % 13 === 0 ? 1 : 0)),
  'of single elements': whole(96, (k) => (at(k) < 0.2 || k === 95 ? 1 : 0)),
  'of every fourth bin': whole(96, (k) => (k % 4 === 3 ? 7 : 0)),
  'that is flat': whole(96, () => 5),
  'of few counts': whole(96, (k) => 4 * at(k)),
  'with all but nothing in its first bins': whole(96, (k) => (k < 2 ? 1e9 : at(k) < 0.1 || k === 95 ? 1 : 0)),
  'that ends before its last bins': whole(96, (k) => (k < 50 ? 100 * at(k) : 0)),
};

const cases = Object.entries(histograms).flatMap(([name, histogram]) =>
  variants.flatMap((variant) => [4, 8, 32].map((levels) => ({ name, histogram, variant, levels }))),
);
const massesOf = (histogram: Float64Array) => {
  const total = histogram.reduce((a, b) => a + b);
  return histogram.map((count) => count / total);
};
const tailOf = (masses: Float64Array, t: number) => 1 - masses.slice(0, t).reduce((a, b) => a + b, 0);

describe('a divergence from running sums', () => {
  it.each(cases)(
    'is that of bin after bin, and no less than its bound: $name, $levels levels, $variant.spread',
    ({ histogram, variant, levels }) => {
      const masses = massesOf(histogram);
      const near = new NearDivergence(masses, levels, variant);
      for (let t = levels; t <= 96; t++) {
        const tail = tailOf(masses, t);
        const exact = divergenceAt(masses, t, levels, tail, variant);
        if (exact === Number.POSITIVE_INFINITY) expect(near.at(t, tail)).toBe(exact);
        else expect(near.at(t, tail)).toBeCloseTo(exact, 12);
        expect(near.atLeast(t, tail)).toBeLessThanOrEqual(exact + 1e-11);
      }
    },
  );

  it('has a bound that tells where the tail is large', () => {
    // Half of all is behind the two bins that are kept: ¾·ln(3/2) + ¼·ln(½).
    const masses = Float64Array.of(0.25, 0.25, 0.25, 0.25);
    const near = new NearDivergence(masses, 2, variants[0] as DivergenceVariant);
    expect(near.atLeast(2, 0.5)).toBeCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 12);
  });
});

describe('the least divergent number of bins', () => {
  it.each(cases)(
    'is the first of all that are tried: $name, $levels levels, $variant.spread',
    ({ histogram, variant, levels }) => {
      const masses = massesOf(histogram);
      let best = levels;
      let least = Number.POSITIVE_INFINITY;
      let kept = 0;
      for (let t = 1; t <= variant.last; t++) {
        kept += masses[t - 1] as number;
        if (t < levels) continue;
        const divergence = divergenceAt(masses, t, levels, 1 - kept, variant);
        if (divergence < least) [least, best] = [divergence, t];
      }
      expect(leastDivergentBins(histogram, levels, variant)).toBe(best);
    },
  );
});
