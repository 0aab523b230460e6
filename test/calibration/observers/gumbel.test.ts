import { describe, expect, it } from 'vitest';
import { gumbel } from '../../../calibration/observers/gumbel.js';
import { minmax } from '../../../calibration/observers/minmax.js';
import { statisticsOf } from '../../support/statistics.js';

const endsOf = (...samples: (readonly number[])[]) => {
  const { scale, zeroPoint } = gumbel.quantizer(statisticsOf(...samples), 8);
  return [-zeroPoint * scale, (255 - zeroPoint) * scale];
};

describe('gumbel', () => {
  it('goes beyond the largest by β·ln(128/n), where the largest of samples differ', () => {
    // Largest 8 and 12: s² = 8, β = √(6·8)/π = 2.20532; ln 64 = 4.15888; 12 + 9.17166.
    const { scale, zeroPoint } = gumbel.quantizer(statisticsOf([0, 8], [12, 3]), 8);
    expect(zeroPoint).toBe(0);
    expect(255 * scale).toBeCloseTo(21.1717, 3);
  });

  it('and below the smallest, each end by its own samples', () => {
    // Smallest −2, −4, −6: s² = 4, β = 2·√6/π = 1.55939; ln(128/3) = 3.75341; 6 + 5.85303. Largest always 1.
    const [low = 0, high = 0] = endsOf([-2, 1], [-4, 1], [-6, 1]);
    const step = (1 + 11.853) / 255;
    expect(Math.abs(low + 11.853)).toBeLessThan(step);
    expect(Math.abs(high - 1)).toBeLessThan(step);
    expect(high - low).toBeCloseTo(12.853, 3);
  });

  it('ends where all samples end, where there is one, and where there are 128', () => {
    const clamped = statisticsOf([0, 3, 6], [0, 6], [0, 1, 6]);
    const one = statisticsOf([-3, 0.5, 2]);
    const many = statisticsOf(...Array.from({ length: 128 }, (_, i) => [-i / 9, i]));
    for (const seen of [clamped, one, many])
      expect(gumbel.quantizer(seen, 8)).toEqual(minmax.quantizer(seen, 8));
  });

  it('and a little beyond for 127', () => {
    const few = statisticsOf(...Array.from({ length: 127 }, (_, i) => [0, i]));
    const [wide, narrow] = [gumbel, minmax].map(({ quantizer }) => quantizer(few, 8).scale);
    // β·ln(128/127) = 36.81·0.7797·0.00784.
    expect(255 * ((wide ?? 0) - (narrow ?? 0))).toBeCloseTo(0.225, 2);
  });
});
