import { describe, expect, it } from 'vitest';
import { boundedSearch, type Side } from '../../../src/quantize/schemes/bounded-search.js';
import { forSeeds } from '../../support/random-data.js';

const side = (
  magnitudes: readonly number[],
  levels: readonly number[],
  thresholds: readonly number[],
): Side => ({
  magnitudes: Float64Array.from(magnitudes).sort(),
  levels,
  thresholds,
});

/** Σ(w − s·l)², each weight at the level whose threshold it reaches. */
function errorAt(sides: readonly Side[], scale: number): number {
  let error = 0;
  for (const { magnitudes, levels, thresholds } of sides)
    for (const w of magnitudes) {
      const reached = thresholds.filter((threshold) => w / threshold >= scale).length;
      error += (w - scale * (levels[reached - 1] ?? 0)) ** 2;
    }
  return error;
}

/** The least error over a fine row of scales. */
function leastOnGrid(sides: readonly Side[], highest: number, end: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let scale = highest; scale >= end; scale *= 0.9995) least = Math.min(least, errorAt(sides, scale));
  return least;
}

const uniform = [1, 2, 3, 4, 5, 6, 7];
const half = uniform.map((level) => level - 0.5);

describe('branch and bound over scales', () => {
  it('finds the scale that puts each weight on its level', () => {
    // 0.3·{1, 3, 7}: no error at 0.3, and none smaller down to 0.2.
    const sides = [side([0.3, 0.9, 2.1], uniform, half)];
    expect(boundedSearch(sides, 0.6, 0.2)).toBeCloseTo(0.3, 6);
  });

  it('is no worse than any scale of a fine row, with uniform levels on two sides', () => {
    forSeeds(30, (random) => {
      const draw = (count: number) => Array.from({ length: count }, () => (random() + random() - 1) ** 2);
      const sides = [side(draw(40), uniform, half), side(draw(30), [...uniform, 8], [...half, 7.5])];
      const highest = 0.25;
      const found = boundedSearch(sides, highest, 0.01);
      expect(errorAt(sides, found)).toBeLessThanOrEqual(leastOnGrid(sides, highest, 0.01) * (1 + 1e-9));
    });
  });

  it('is so with levels whose thresholds are no middles, where the error jumps', () => {
    const levels = [1, 2, 4, 8];
    const thresholds = levels.map((level) => level / Math.SQRT2);
    forSeeds(30, (random) => {
      const sides = [
        side(
          Array.from({ length: 25 }, () => random() ** 3),
          levels,
          thresholds,
        ),
      ];
      const found = boundedSearch(sides, 0.25, 0.01);
      expect(errorAt(sides, found)).toBeLessThanOrEqual(leastOnGrid(sides, 0.25, 0.01) * (1 + 1e-9));
    });
  });

  it('is so with any thresholds between levels', () => {
    forSeeds(20, (random) => {
      const levels = [1, 3, 4, 9];
      const thresholds = levels.map(
        (level, k) => level - (level - (levels[k - 1] ?? 0)) * (0.05 + 0.9 * random()),
      );
      const draw = (count: number) => Array.from({ length: count }, () => random() ** 2);
      const sides = [side(draw(30), levels, thresholds), side(draw(20), levels, thresholds)];
      const found = boundedSearch(sides, 0.25, 0.01);
      expect(errorAt(sides, found)).toBeLessThanOrEqual(leastOnGrid(sides, 0.25, 0.01) * (1 + 1e-9));
    });
  });

  it('ends where many events coincide, and where no scale is between', () => {
    const same = [side(new Array(500).fill(0.7), uniform, half)];
    expect(errorAt(same, boundedSearch(same, 0.4, 0.02))).toBeLessThan(1e-12);
    expect(boundedSearch(same, 0.1, 0.1)).toBe(0.1);
  });
});
