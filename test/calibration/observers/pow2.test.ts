import { describe, expect, it } from 'vitest';
import { pow2 } from '../../../calibration/observers/pow2.js';
import { activations, squaredError } from '../../support/activations.js';
import { statisticsOf } from '../../support/statistics.js';

function zeroPointOf(data: Float32Array, bits: number): number {
  const [below, above] = [data.some((value) => value < 0), data.some((value) => value > 0)];
  if (below && above) return 2 ** (bits - 1);
  return below ? 2 ** bits - 1 : 0;
}

/** The power of two of least squared error, element by element; at 8 bits what is clipped counts tenfold. */
function bruteForce(data: Float32Array, bits: number): number {
  const zeroPoint = zeroPointOf(data, bits);
  const scales = Array.from({ length: 40 }, (_, i) => 2 ** (i - 30));
  const errors = scales.map((scale) =>
    squaredError(data, { scale, zeroPoint, low: 0, high: 2 ** bits - 1 }, bits === 8 ? 10 : 1),
  );
  return scales[errors.indexOf(Math.min(...errors))] as number;
}

describe.each(Object.entries(activations(4000)))('pow2 of %s', (_, data) => {
  it.each([4, 6, 8])('is the power of two of least squared error, in %i bits', (bits) => {
    const q = pow2.quantizer(statisticsOf(data), bits);
    expect(q.scale).toBe(bruteForce(data, bits));
    expect(q.zeroPoint).toBe(zeroPointOf(data, bits));
    expect([q.low, q.high]).toEqual([0, 2 ** bits - 1]);
  });
});

it('has a power of two where all values are one', () => {
  for (const values of [[0], [3], [-3]]) {
    const { scale } = pow2.quantizer(statisticsOf(Float32Array.from(values)), 8);
    expect(Number.isInteger(Math.log2(scale))).toBe(true);
  }
});
