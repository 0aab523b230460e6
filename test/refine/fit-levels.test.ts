import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import {
  type FittedScale,
  fitCodebooks,
  fitScales,
  type RowLimits,
  type StoredRow,
} from '../../src/refine/fit-levels.js';
import { dampedHessian, type Hessian, timesInverse } from '../../src/refine/hessian.js';
import { type RoundedRow, roundWithFeedback, rowError } from '../../src/refine/round-with-feedback.js';

/** H of inputs that go together, and a row of weights. */
function problem(
  columns: number,
  seed: number,
): { raw: Float64Array; hessian: Hessian; target: Float64Array } {
  const random = seededRandom(seed);
  const normal = () => random() + random() + random() - 1.5;
  const raw = new Float64Array(columns * columns);
  for (let sample = 0; sample < 40; sample++) {
    const common = normal();
    const x = Float64Array.from({ length: columns }, (_, k) => (1 + k / columns) * (normal() + common));
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++)
        raw[i * columns + j] = at(raw, i * columns + j) + (at(x, i) * at(x, j)) / 40;
  }
  const hessian = dampedHessian(raw.slice(), columns) as Hessian;
  return { raw, hessian, target: Float64Array.from({ length: columns }, normal) };
}

const at = (values: ArrayLike<number>, index: number) => values[index] as number;

const roundedRow = (target: Float64Array, levels: Float64Array, hessian: Hessian) =>
  roundWithFeedback([{ target, levels }], hessian)[0] as RoundedRow;

const fitCodebook = (target: Float64Array, hessian: Hessian, limits: RowLimits) =>
  fitCodebooks([target], hessian, [limits])[0] as StoredRow;

const fitScale = (
  target: Float64Array,
  hessian: Hessian,
  grid: { levels: Int32Array; scale: number; floor: number },
) => fitScales([{ rows: [{ target, hessian }], ...grid }])[0] as FittedScale;

/** (q − t)·H·(q − t)ᵀ as it is written. */
function quadratic(q: ArrayLike<number>, target: ArrayLike<number>, { matrix, columns }: Hessian): number {
  let sum = 0;
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < columns; j++)
      sum += (at(q, i) - at(target, i)) * at(matrix, i * columns + j) * (at(q, j) - at(target, j));
  return sum;
}

/** The inverse by Gauss and Jordan. */
function inverse(matrix: Float64Array, n: number): number[][] {
  const rows = Array.from({ length: n }, (_, i) =>
    Array.from({ length: 2 * n }, (_, j) => (j < n ? at(matrix, i * n + j) : j - n === i ? 1 : 0)),
  );
  for (let k = 0; k < n; k++) {
    const pivot = rows[k] as number[];
    const by = at(pivot, k);
    for (let j = 0; j < 2 * n; j++) pivot[j] = at(pivot, j) / by;
    for (const [i, row] of rows.entries()) {
      if (i === k) continue;
      const factor = at(row, k);
      for (let j = 0; j < 2 * n; j++) row[j] = at(row, j) - factor * at(pivot, j);
    }
  }
  return rows.map((row) => row.slice(n));
}

/** OBQ as in Frantar et al. 2022, eq. 3, columns in the order given: what GPTQ is a fast form of. */
function optimalBrainQuantizer(target: Float64Array, levels: Float64Array, hessian: Hessian): number[] {
  const w = [...target];
  const q = new Array<number>(w.length).fill(0);
  let left = [...hessian.order];
  while (left.length > 0) {
    const sub = Float64Array.from(
      left.flatMap((i) => left.map((j) => at(hessian.matrix, i * hessian.columns + j))),
    );
    const inverted = inverse(sub, left.length);
    const column = left[0] as number;
    const value = at(w, column);
    q[column] = levels.reduce((best, level) =>
      Math.abs(level - value) < Math.abs(best - value) ? level : best,
    );
    const error = (value - at(q, column)) / at(inverted[0] as number[], 0);
    left.forEach((other, i) => {
      w[other] = at(w, other) - error * at(inverted[i] as number[], 0);
    });
    left = left.slice(1);
  }
  return q;
}

const levels = Float64Array.of(-1, -0.3, 0.2, 0.9);

describe('rounding with feedback', () => {
  it.each([1, 2, 3, 4])('gives the codes of OBQ in the same order (%d)', (seed) => {
    const { hessian, target } = problem(9, seed);
    const { indices, error } = roundedRow(target, levels, hessian);
    const q = Array.from(indices, (index) => at(levels, index));
    expect(q).toEqual(optimalBrainQuantizer(target, levels, hessian));
    expect(error).toBeCloseTo(quadratic(q, target, hessian), 9);
    expect(rowError(target, q, hessian)).toBeCloseTo(error, 9);
  });

  it('is rounding to the nearest where inputs have nothing in common', () => {
    const hessian = dampedHessian(Float64Array.of(4, 0, 0, 1), 2) as Hessian;
    expect([...hessian.order]).toEqual([0, 1]);
    expect([...roundedRow(Float64Array.of(0.5, -0.4), levels, hessian).indices]).toEqual([2, 1]);
  });
});

describe('many rows', () => {
  it('are what each is alone', () => {
    const { hessian } = problem(13, 2);
    const { hessian: other } = problem(13, 5);
    const targets = Array.from({ length: 19 }, (_, seed) => problem(13, 50 + seed).target);
    const limits = { count: 3, limit: 127, floor: 1e-6 };
    expect(
      fitCodebooks(
        targets,
        hessian,
        targets.map(() => limits),
      ),
    ).toEqual(targets.map((target) => fitCodebook(target, hessian, limits)));
    const grid = { levels: Int32Array.of(-2, -1, 0, 1), scale: 0.5, floor: 1e-6 };
    const asked = targets.map((target, r) => ({
      rows: [{ target, hessian: r % 2 ? hessian : other }],
      ...grid,
    }));
    expect(fitScales(asked)).toEqual(asked.flatMap((one) => fitScales([one])));
  });
});

describe('a damped Hessian', () => {
  it('adds a hundredth of the mean diagonal', () => {
    const { matrix } = dampedHessian(Float64Array.of(3, 1, 1, 5), 2) as Hessian;
    expect([...matrix]).toEqual([3.04, 1, 1, 5.04]);
  });

  it('is none for an input that is always the same, or not finite', () => {
    expect(dampedHessian(new Float64Array(4), 2)).toBeUndefined();
    expect(dampedHessian(Float64Array.of(1, 0, 0, Number.POSITIVE_INFINITY), 2)).toBeUndefined();
  });

  it('divides rows', () => {
    const { hessian } = problem(5, 3);
    const inverted = inverse(hessian.matrix, 5);
    const row = Float64Array.of(1, -2, 0.5, 0, 3);
    const wanted = inverted.map((_, j) =>
      row.reduce((sum, value, i) => sum + value * at(inverted[i] as number[], j), 0),
    );
    const rows = row.slice();
    timesInverse(rows, hessian);
    rows.forEach((value, j) => {
      expect(value).toBeCloseTo(at(wanted, j), 9);
    });
  });
});

describe('a codebook fitted to a row', () => {
  const limits = { count: 3, limit: 127, floor: 1e-6 };

  it.each([5, 6, 7, 8, 9])('is near the best of all codes and levels, found by brute force (%d)', (seed) => {
    const { hessian, target } = problem(6, seed);
    const fitted = fitCodebook(target, hessian, limits);
    const values = Array.from(fitted.indices, (index) => at(fitted.levels, index) * fitted.scale);
    expect(fitted.error).toBeCloseTo(quadratic(values, target, hessian), 9);
    const best = bruteForce(target, hessian, limits.count);
    const nothing = quadratic(new Float64Array(6), target, hessian);
    // Integer levels are within 1/254 of the largest.
    expect(fitted.error).toBeGreaterThanOrEqual(best - 1e-9);
    expect(fitted.error).toBeLessThan(best + 0.1 * nothing);
  });

  it('holds levels exactly where there are as many as columns', () => {
    const { hessian } = problem(4, 2);
    const target = Float64Array.of(127, -64, 3, 0);
    const fitted = fitCodebook(target, hessian, { count: 4, limit: 127, floor: 1e-6 });
    expect(fitted).toMatchObject({ scale: 1, error: 0, levels: Int32Array.of(-64, 0, 3, 127) });
  });

  it('keeps to the limit and to the smallest scale', () => {
    const { hessian, target } = problem(6, 5);
    const fitted = fitCodebook(target, hessian, { count: 4, limit: 63, floor: 0.5 });
    expect(fitted.scale).toBe(0.5);
    expect(Math.max(...fitted.levels.map(Math.abs))).toBeLessThanOrEqual(63);
  });
});

describe('a scale fitted to rows', () => {
  const grid = { levels: Int32Array.of(-2, -1, 0, 1), floor: 1e-6 };

  it.each([1, 2, 3])('is never worse than the one it starts from (%d)', (seed) => {
    const { hessian, target } = problem(12, seed);
    for (const scale of [0.1, 0.5, 2]) {
      const start = roundedRow(
        target,
        Float64Array.from(grid.levels, (l) => l * Math.fround(scale)),
        hessian,
      );
      const fitted = fitScale(target, hessian, { ...grid, scale });
      expect(fitted.error).toBeLessThanOrEqual(start.error);
    }
  });

  it('finds the scale of a row that is on the grid', () => {
    const { hessian } = problem(6, 4);
    const target = Float64Array.of(-2, -1, 0, 1, 1, -2).map((code) => code * 0.25);
    expect(fitScale(target, hessian, { ...grid, scale: 0.27 })).toMatchObject({ scale: 0.25, error: 0 });
  });
});

/** The least error of any codes, each with the levels of least squares. */
function bruteForce(target: Float64Array, hessian: Hessian, count: number): number {
  const { columns, matrix } = hessian;
  let best = Number.POSITIVE_INFINITY;
  for (let code = 0; code < count ** columns; code++) {
    const codes = Array.from({ length: columns }, (_, k) => Math.floor(code / count ** k) % count);
    const used = [...new Set(codes)];
    const normal = new Float64Array(used.length ** 2);
    const right = new Array<number>(used.length).fill(0);
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++) {
        const [a, b] = [used.indexOf(at(codes, i)), used.indexOf(at(codes, j))];
        normal[a * used.length + b] = at(normal, a * used.length + b) + at(matrix, i * columns + j);
        right[a] = at(right, a) + at(matrix, i * columns + j) * at(target, j);
      }
    const inverted = inverse(normal, used.length);
    const real = used.map((_, a) =>
      right.reduce((sum, value, b) => sum + at(inverted[a] as number[], b) * value, 0),
    );
    best = Math.min(
      best,
      quadratic(
        codes.map((c) => at(real, used.indexOf(c))),
        target,
        hessian,
      ),
    );
  }
  return best;
}

describe('columns that are added in pairs', () => {
  const integers = Int32Array.from({ length: 255 }, (_, i) => i - 127);

  it('share what both want too much, the second within what the first leaves', () => {
    const matrix = Float64Array.from([1, 0, 0, 1]);
    const hessian = dampedHessian(matrix, 2) as Hessian;
    const rows = (target: number[], partners: number[]) =>
      roundWithFeedback(
        [
          {
            target: Float64Array.from(target),
            levels: Float64Array.from(integers),
            pairs: { partners: Int32Array.from(partners), bound: 128, step: 1 },
          },
        ],
        hessian,
      )[0]?.indices.map((index) => index - 127);
    // Too much by 32.6, half each: 84.1 and 43.9.
    expect([...(rows([100.4, 60.2], [1, 0]) ?? [])]).toEqual([84, 44]);
    // Two signs, and columns that stand alone.
    expect([...(rows([100.4, 60.2], [-1, -1]) ?? [])]).toEqual([100, 60]);
    const mixed = roundWithFeedback(
      [
        {
          target: Float64Array.from([100.4, -60.2]),
          levels: Float64Array.from(integers),
          pairs: { partners: Int32Array.from([1, 0]), bound: 128, step: 1 },
        },
      ],
      hessian,
    )[0] as RoundedRow;
    expect(Array.from(mixed.indices, (index) => at(integers, index))).toEqual([100, -60]);
  });

  it('never sum up beyond the bound, and lose less than pairs that are cut afterwards', () => {
    let [within, cut] = [0, 0];
    for (let seed = 1; seed <= 12; seed++) {
      const columns = 16;
      const { hessian, target } = problem(columns, seed);
      const partners = Int32Array.from({ length: columns }, (_, k) => k ^ 1);
      const scale = Math.max(...target.map(Math.abs)) / 127;
      const request = { rows: [{ target, hessian }], levels: integers, scale, floor: scale };
      const fitted = fitScales([{ ...request, pairs: { partners, bound: 128 } }])[0] as FittedScale;
      const codes = Array.from((fitted.rows[0] as RoundedRow).indices, (index) => at(integers, index));
      for (let k = 0; k < columns; k += 2) {
        const [a, b] = [at(codes, k), at(codes, k + 1)];
        if (a * b > 0) expect(Math.abs(a + b)).toBeLessThanOrEqual(128);
      }
      within += fitted.error;
      const free = fitScales([request])[0] as FittedScale;
      const after = Array.from((free.rows[0] as RoundedRow).indices, (index) => at(integers, index));
      for (let k = 0; k < columns; k += 2) {
        const excess = Math.abs(at(after, k) + at(after, k + 1)) - 128;
        if (at(after, k) * at(after, k + 1) <= 0 || excess <= 0) continue;
        const sign = Math.sign(at(after, k));
        const less = Math.floor(excess / 2);
        after[k] = at(after, k) - sign * less;
        after[k + 1] = at(after, k + 1) - sign * (excess - less);
      }
      cut += rowError(
        target,
        after.map((code) => code * free.scale),
        hessian,
      );
    }
    expect(within).toBeLessThan(cut / 2);
  });
});
