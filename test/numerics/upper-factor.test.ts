import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import { solveRows, upperFactor } from '../../src/numerics/upper-factor.js';

describe('the upper factor', () => {
  it('is that worked out by hand', () => {
    // H = R·Rᵀ of R = [[1, 2], [0, 3]].
    const factor = upperFactor(Float64Array.of(5, 6, 6, 9), 2);
    expect([...(factor ?? [])]).toEqual([1, 2, 0, 3]);
  });

  it('is undefined for a matrix that is not positive definite', () => {
    expect(upperFactor(Float64Array.of(1, 2, 2, 1), 2)).toBeUndefined();
    expect(upperFactor(Float64Array.of(0), 1)).toBeUndefined();
    expect(upperFactor(Float64Array.of(Number.NaN), 1)).toBeUndefined();
  });

  // Below one block of columns, and several of them.
  it.each([3, 7, 13])('solves rows of %i, whatever their number', (n) => {
    const random = seededRandom(1);
    const a = Float64Array.from({ length: n * n }, () => random() - 0.5);
    const h = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        for (let k = 0; k < n; k++)
          h[i * n + j] = (h[i * n + j] ?? 0) + (a[i * n + k] ?? 0) * (a[j * n + k] ?? 0);
    for (let i = 0; i < n; i++) h[i * n + i] = (h[i * n + i] ?? 0) + 0.1;
    // Four at once, and two that are left.
    const wanted = Float64Array.from({ length: 6 * n }, () => random());
    const rows = new Float64Array(6 * n);
    for (let r = 0; r < 6; r++)
      for (let j = 0; j < n; j++)
        for (let k = 0; k < n; k++)
          rows[r * n + j] = (rows[r * n + j] ?? 0) + (wanted[r * n + k] ?? 0) * (h[k * n + j] ?? 0);
    const factor = upperFactor(h, n) as Float64Array;
    const alone = rows.slice();
    for (let r = 0; r < 6; r++) solveRows(factor, n, alone.subarray(r * n, (r + 1) * n));
    solveRows(factor, n, rows);
    expect(rows).toEqual(alone);
    rows.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] as number, 9);
    });
  });
});
