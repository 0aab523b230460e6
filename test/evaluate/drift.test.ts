import { describe, expect, it } from 'vitest';
import { argmax, DriftMeter, type DriftTarget, isClassScores, rankIn } from '../../src/evaluate/drift.js';
import type { NdArray } from '../../src/numerics/nd-array.js';

const array = (dims: number[], values: number[]): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

/** Class scores where the shape is [N, classes]. */
const ofRows: DriftTarget = { classAxis: 'rows', isGrouped: false };

/** Drift of two arrays whose batch is one sample, the rest of the shape being given. */
function driftOf(reference: number[], quantized: number[], dims = [1, reference.length, 1]) {
  const meter = new DriftMeter(ofRows);
  meter.add(array(dims, reference), array(dims, quantized), { size: 1, samples: 1 });
  return meter.drift;
}

describe('drift of one value', () => {
  it('is the ratio of squares, the angle and the largest difference', () => {
    // Σx² = 25, Σe² = 0.25 → 10·log10(100) = 20 dB; x·y = 9 + 18 = 27, |y|² = 9 + 20.25.
    const drift = driftOf([3, 4], [3, 4.5]);
    expect(drift.sqnrDb).toBeCloseTo(20, 10);
    expect(drift.cosine).toBeCloseTo(27 / (5 * Math.sqrt(29.25)), 12);
    expect(drift.maxAbsError).toBe(0.5);
    // √0.25 / √25.
    expect(drift.relativeL2).toBeCloseTo(0.1, 12);
    expect([drift.nonFiniteMismatches, drift.samples, drift.topOneAgreement]).toEqual([0, 1, null]);
  });

  it('of identical values has no ratio, and a right angle is 0', () => {
    expect(driftOf([1, -2], [1, -2])).toMatchObject({ sqnrDb: null, maxAbsError: 0 });
    expect(driftOf([1, -2], [1, -2]).cosine).toBeCloseTo(1, 15);
    expect(driftOf([1, 0], [0, 2]).cosine).toBe(0);
    expect(driftOf([1, 2], [-1, -2]).cosine).toBeCloseTo(-1, 15);
  });

  it('of zeros has no angle, and a ratio below every other where only they are wrong', () => {
    expect(driftOf([0, 0], [0, 0])).toMatchObject({ sqnrDb: null, cosine: null });
    const wrong = driftOf([0, 0], [0, 1]);
    expect(wrong.cosine).toBeNull();
    expect(wrong.relativeL2).toBeNull();
    expect(wrong.sqnrDb).toBeLessThan(-1000);
  });

  it('adds up over samples, not over their ratios', () => {
    const meter = new DriftMeter();
    // Σx² = 1 + 99, Σe² = 1 → 20 dB, where the mean of the two ratios would be another.
    meter.add(array([1, 1], [1]), array([1, 1], [0]), { size: 1, samples: 1 });
    meter.add(array([1, 1], [Math.sqrt(99)]), array([1, 1], [Math.sqrt(99)]), { size: 1, samples: 1 });
    expect(meter.drift.sqnrDb).toBeCloseTo(20, 5);
    expect(meter.drift.samples).toBe(2);
  });

  it('sums in float64: a million small errors beside a large signal are all there', () => {
    const meter = new DriftMeter();
    const size = 2 ** 20;
    const large = new Float32Array(size).fill(1);
    const other = Float32Array.from(large, (x) => x + 2 ** -20);
    const dims = [1, size];
    meter.add(
      { type: 'float32', dims, data: large },
      { type: 'float32', dims, data: other },
      { size: 1, samples: 1 },
    );
    // 2^20 / (2^20 · 2^−40) = 2^40.
    expect(meter.drift.sqnrDb).toBeCloseTo(10 * Math.log10(2 ** 40), 8);
  });
});

describe('values that are not finite', () => {
  it('are all that two models have that give nothing else, and no gate takes that for agreement', () => {
    const none = driftOf([Number.NaN, Number.NaN], [Number.NaN, Number.NaN]);
    expect(none.nonFiniteMismatches).toBe(2);
    expect(driftOf([Number.NaN, 1], [Number.NaN, 1]).nonFiniteMismatches).toBe(0);
  });

  it('count where one of the two is', () => {
    const drift = driftOf([1, Number.NaN, 3, Infinity], [Number.NaN, 2, 3, 4]);
    expect(drift).toMatchObject({ nonFiniteMismatches: 3, maxAbsError: 0, sqnrDb: null });
  });

  it('do not where both are the same', () => {
    const same = driftOf([Number.NaN, Infinity, -Infinity, 1], [Number.NaN, Infinity, -Infinity, 2]);
    expect(same).toMatchObject({ nonFiniteMismatches: 0, maxAbsError: 1 });
    expect(driftOf([Infinity], [-Infinity]).nonFiniteMismatches).toBe(1);
  });
});

describe('agreement', () => {
  it('is the share of rows with the same largest class, the first of equals', () => {
    const meter = new DriftMeter(ofRows);
    const rows = { size: 4, samples: 4 };
    meter.add(
      array([4, 3], [1, 2, 3, 3, 1, 2, 5, 5, 0, 0, 9, 9]),
      array([4, 3], [1, 2, 4, 1, 2, 3, 5, 4, 0, 0, 8, 9]),
      rows,
    );
    // Rows 1 and 3 agree; row 2 does not; row 4: the first 9 against the only 9.
    expect(meter.drift.topOneAgreement).toBe(0.5);
  });

  it('is asked for: rows that nobody calls classes have none', () => {
    const meter = new DriftMeter();
    meter.add(array([1, 2], [1, 2]), array([1, 2], [1, 2]), { size: 1, samples: 1 });
    expect(meter.drift.topOneAgreement).toBeNull();
  });

  it('is of [N, classes] alone', () => {
    const rows = { size: 2, samples: 2 };
    expect(isClassScores(array([2, 3], []), rows)).toBe(true);
    expect(isClassScores(array([2, 1], []), rows)).toBe(false);
    expect(isClassScores(array([2, 3, 1], []), rows)).toBe(false);
    // A table of boxes is no row of classes a sample.
    expect(isClassScores(array([100, 3], []), rows)).toBe(false);
    expect(isClassScores({ type: 'int64', dims: [2, 3], data: new BigInt64Array(6) }, rows)).toBe(false);
  });

  it('argmax looks at its row', () => {
    expect(argmax([9, 1, 2, 9, 3], 1, 2)).toBe(1);
    // A NaN is the largest of nothing: a model of NaN agrees with no other.
    expect(argmax([Number.NaN, 1], 0, 2)).toBe(1);
    expect(argmax([Number.NaN, Number.NaN], 0, 2)).toBeUndefined();
  });

  it('a rank counts what is larger, and equals that come first', () => {
    const data = [9, 5, 7, 5, 5, Number.NaN];
    expect([0, 1, 2, 3, 4].map((index) => rankIn(data, 1, 4, index))).toEqual([1, 0, 2, 3, Infinity]);
    expect([rankIn(data, 1, 4, -1), rankIn(data, 1, 5, 4), rankIn(data, 0, 6, 0)]).toEqual([
      Infinity,
      Infinity,
      0,
    ]);
  });

  it("top-5: float's first is among the other's five", () => {
    const meter = new DriftMeter(ofRows);
    const rows = { size: 3, samples: 3 };
    const float = [6, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0];
    // Class 0 is fifth, class 1 is sixth, class 2 is first.
    const other = [2, 3, 4, 5, 6, 1, 5, 0, 4, 3, 2, 1, 0, 0, 1, 0, 0, 0];
    meter.add(array([3, 6], float), array([3, 6], other), rows);
    expect(meter.drift).toMatchObject({ topOneAgreement: 1 / 3, topFiveAgreement: 2 / 3 });
    expect(driftOf([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 5])).toMatchObject({
      topOneAgreement: 1,
      topFiveAgreement: null,
    });
  });

  it('scores of NaN agree with none', () => {
    const nan = [Number.NaN, Number.NaN];
    expect(driftOf([1, 0], nan, [1, 2]).topOneAgreement).toBe(0);
    expect(driftOf(nan, nan, [1, 2]).topOneAgreement).toBe(0);
  });
});

describe('a batch', () => {
  it('that was filled up counts its samples alone', () => {
    const meter = new DriftMeter(ofRows);
    meter.add(array([3, 2], [1, 2, 3, 1, 9, 9]), array([3, 2], [1, 2, 3, 1, -9, 0]), { size: 3, samples: 2 });
    expect(meter.drift).toMatchObject({ maxAbsError: 0, samples: 2, topOneAgreement: 1 });
  });

  it('leaves alone what has another first axis', () => {
    const meter = new DriftMeter();
    meter.add(array([5], [0, 0, 0, 0, 3]), array([5], [0, 0, 0, 0, 1]), { size: 1, samples: 1 });
    expect(meter.drift.maxAbsError).toBe(2);
    const scalar = new DriftMeter();
    scalar.add(array([], [3]), array([], [1]), { size: 4, samples: 1 });
    expect(scalar.drift.maxAbsError).toBe(2);
  });
});

it('what is not finite is left out one by one, of however many elements', () => {
  const count = 10_000;
  const a = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const b = Float32Array.from(a, (x, i) => x + 0.01 * Math.cos(i));
  // One of each kind in the first part, the middle one and the last.
  const odd = new Map([
    [3, [Number.NaN, 1]],
    [5000, [1, Number.POSITIVE_INFINITY]],
    [9999, [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ] as const);
  for (const [at, [x, y]] of odd) [a[at], b[at]] = [x, y];
  const finite = Array.from(a.keys()).filter((i) => !odd.has(i as 3));
  const sum = (f: (x: number, y: number) => number) =>
    finite.reduce((total, i) => total + f(a[i] as number, b[i] as number), 0);
  const [signal, other, product] = [sum((x) => x * x), sum((_, y) => y * y), sum((x, y) => x * y)];
  const noise = sum((x, y) => (x - y) ** 2);
  const meter = new DriftMeter();
  const array = (data: Float32Array) => ({ type: 'float32' as const, dims: [1, count], data });
  meter.add(array(a), array(b), { size: 1, samples: 1 });
  const { drift } = meter;
  expect(drift.sqnrDb).toBeCloseTo(10 * Math.log10(signal / noise), 9);
  expect(drift.cosine).toBeCloseTo(product / Math.sqrt(signal * other), 12);
  expect(drift.relativeL2).toBeCloseTo(Math.sqrt(noise / signal), 12);
  expect(drift.maxAbsError).toBe(
    Math.max(...finite.map((i) => Math.abs((a[i] as number) - (b[i] as number)))),
  );
  expect(drift.nonFiniteMismatches).toBe(2);
});
