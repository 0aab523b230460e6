import { describe, expect, it } from 'vitest';
import { divergenceAt, leastDivergentBins } from '../../calibration/observers/divergence.js';
import type { DivergenceVariant } from '../../calibration/observers/divergence-variant.js';
import { defaultObserverSettings, type Observer } from '../../calibration/observers/observer.js';
import { activations } from './activations.js';
import { type ExactVariant, exactDivergences, exactHistogram, excessAt } from './exact-divergence.js';
import { activationsOfNet } from './relu-net.js';
import { statisticsOf } from './statistics.js';

const symmetric = { ...defaultObserverSettings, symmetric: true };

/** The threshold that the observer chose: the top of its symmetric range. */
function thresholdOf(observer: Observer, data: ArrayLike<number>, bits: number): number {
  const { scale, high, zeroPoint } = observer.quantizer(statisticsOf(data), bits, symmetric);
  return scale * (high - zeroPoint);
}

/** T = (t + ½)·max|x| / 2048, turned round. */
function binsOf(threshold: number, data: Float32Array, last: number): number {
  const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return Math.min(Math.round((threshold / largest) * 2048 - 0.5), last);
}

const tensors = activations(8000);

/**
 * What an observer by divergence must do, against exact histograms of the same data.
 *
 * @param exact - the variant as its source has it
 */
export function describeDivergence(
  observer: Observer,
  variant: DivergenceVariant,
  exact: ExactVariant,
): void {
  describe(observer.name, () => {
    it.each([
      ['half a Gaussian, as after Relu', 8, 256],
      ['SiLU, whose minimum is −0.28', 8, 128],
      ['heavy tails', 4, 8],
    ])('cuts %s in %i bits where an exact histogram of it is least divergent', (name, bits, levels) => {
      const data = tensors[name] as Float32Array;
      const divergences = exactDivergences(exactHistogram(data), levels, exact);
      const { excess, allowed } = excessAt(
        binsOf(thresholdOf(observer, data, bits), data, exact.last),
        divergences,
      );
      expect(excess).toBeLessThanOrEqual(allowed);
    });

    it('has the divergence of its source at every threshold of one histogram', () => {
      const counts = exactHistogram(tensors['heavy tails'] as Float32Array);
      const total = counts.reduce((sum, count) => sum + count, 0);
      const masses = counts.map((count) => count / total);
      const divergences = exactDivergences(counts, 128, exact);
      for (let t = 128; t <= exact.last; t += 60) {
        const tail = masses.slice(t).reduce((sum, mass) => sum + mass, 0);
        expect(divergenceAt(masses, t, 128, tail, variant)).toBeCloseTo(divergences[t] as number, 10);
      }
      const least = divergences.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
      expect(divergences[leastDivergentBins(counts, 128, variant)]).toBeCloseTo(least, 10);
      expect(variant.last).toBe(exact.last);
    });

    it("cuts a net's activations there, too", async () => {
      const data = await activationsOfNet();
      const divergences = exactDivergences(exactHistogram(data), 256, exact);
      const { excess, allowed } = excessAt(
        binsOf(thresholdOf(observer, data, 8), data, exact.last),
        divergences,
      );
      expect(excess).toBeLessThanOrEqual(allowed);
    });

    it('cuts an affine range at both signs of the threshold', () => {
      const data = tensors['a long tail below zero'] as Float32Array;
      const q = observer.quantizer(statisticsOf(data), 8);
      const threshold = thresholdOf(observer, data, 8);
      const max = data.reduce((a, b) => Math.max(a, b));
      expect(threshold).toBeGreaterThan(max);
      // Within half a step, by which the zero point is nudged.
      expect(Math.abs(q.zeroPoint * q.scale - threshold)).toBeLessThanOrEqual(q.scale * 0.51);
      expect(Math.abs((q.high - q.zeroPoint) * q.scale - max)).toBeLessThanOrEqual(q.scale * 0.51);
    });

    it('clips nothing where all magnitudes but 0 are one', () => {
      for (const values of [[2.5, 2.5], [-2.5], [0, 2.5, 0, 2.5], [-2.5, 2.5, -0]])
        expect(thresholdOf(observer, values, 8)).toBeCloseTo(2.5, 6);
    });
  });
}
