import { expect, it } from 'vitest';
import { seededRandom } from '../../calibration/sampling.js';
import { hessiansOf, madeGood, shrinkageThatHolds } from '../../src/refine/make-good.js';
import { type Covariances, pooled } from '../../src/refine/second-order-step.js';

const layout = { groups: 1, rows: 2, columns: 3 };

/** A number of mean 0 and about variance 1. */
const noise = (random: () => number): number =>
  (random() + random() + random() + random() - 2) * Math.sqrt(3);

interface Places {
  readonly inputs: readonly (readonly number[])[];
  readonly targets: readonly (readonly number[])[];
}

/** So many places, and the targets that a map gives for them, with noise. */
function places(count: number, map: readonly (readonly number[])[], spread: number, seed: number): Places {
  const random = seededRandom(seed);
  const inputs = Array.from({ length: count }, () => {
    const [a, b, c] = [noise(random), noise(random), noise(random)];
    return [a + 1, a + b, b + 0.5 * c];
  });
  const targets = inputs.map((input) =>
    map.map((row) => row.reduce((sum, w, k) => sum + w * (input[k] as number), 0) + spread * noise(random)),
  );
  return { inputs, targets };
}

/** Covariances by their definition. */
function covariancesOf({ inputs, targets }: Places): Covariances & { readonly targets: Float64Array } {
  const meanOf = (rows: Places['inputs']) =>
    Float64Array.from(
      rows[0] as readonly number[],
      (_, k) => rows.reduce((sum, row) => sum + (row[k] as number), 0) / rows.length,
    );
  const [means, targetMeans] = [meanOf(inputs), meanOf(targets)];
  const between = (left: Places['inputs'], leftMeans: Float64Array) =>
    Float64Array.from(
      [...leftMeans].flatMap((mean, r) =>
        [...means].map(
          (other, k) =>
            left.reduce(
              (sum, row, at) => sum + ((row[r] as number) - mean) * ((inputs[at]?.[k] as number) - other),
              0,
            ) / left.length,
        ),
      ),
    );
  return { h: between(inputs, means), c: between(targets, targetMeans), means, targets: targetMeans };
}

const truth = [
  [0.5, -1, 2],
  [1, 0.25, -0.5],
];
const weight = Float64Array.of(0.4, -1.2, 1.5, 1, 0, 0);

it('what is made good is the ridge regression of the residual, by its normal equations', () => {
  const found = covariancesOf(places(200, truth, 0.3, 1));
  const added = madeGood(weight, found, hessiansOf(found.h, layout), layout);
  const damping = (0.01 * ((found.h[0] as number) + (found.h[4] as number) + (found.h[8] as number))) / 3;
  for (let row = 0; row < 2; row++)
    for (let k = 0; k < 3; k++) {
      // (H + λI)·d = r, each equation by itself.
      let [left, right] = [damping * (added[row * 3 + k] as number), found.c[row * 3 + k] as number];
      for (let j = 0; j < 3; j++) {
        left += (found.h[k * 3 + j] as number) * (added[row * 3 + j] as number);
        right -= (found.h[k * 3 + j] as number) * (weight[row * 3 + j] as number);
      }
      expect(left).toBeCloseTo(right, 9);
    }
});

it('all of it holds where a line gives the residual, and next to none where it is chance', () => {
  /** The length of what is added, of that of all that is found. */
  const shareOf = (map: readonly (readonly number[])[], spread: number, count: number) => {
    const half = (seed: number) => covariancesOf(places(count, map, spread, seed));
    const halves = [half(2), half(3)] as const;
    const { share, damping } = shrinkageThatHolds(weight, halves, layout);
    const length = (by?: number) =>
      Math.hypot(...madeGood(weight, halves[0], hessiansOf(halves[0].h, layout, by), layout));
    return (share * length(damping)) / length();
  };
  expect(shareOf(truth, 0, 100)).toBeCloseTo(1, 2);
  const same = [
    [0.4, -1.2, 1.5],
    [1, 0, 0],
  ];
  expect(shareOf(same, 1, 20)).toBeLessThan(0.2);
  // More places leave less to chance.
  const faint = [
    [0.45, -1.2, 1.5],
    [1, 0.05, 0],
  ];
  expect(shareOf(faint, 1, 4000)).toBeGreaterThan(shareOf(faint, 1, 200));
});

it('for S = signal and N = chance of a half the share is 2a / (1 + a), a = S / (S + N)', () => {
  // One column, H = 1 in both halves, R = 3 and 1: D = R/1.01, Σ D·R′ = 6/1.01, Σ D² = 10/1.01².
  const one = { groups: 1, rows: 1, columns: 1 };
  const half = (c: number): Covariances => ({
    h: Float64Array.of(1),
    c: Float64Array.of(c),
    means: Float64Array.of(0),
  });
  const share = (6 * 1.01) / 10;
  expect(shrinkageThatHolds(Float64Array.of(0), [half(3), half(1)], one).share).toBeCloseTo(
    (2 * share) / (1 + share),
    9,
  );
  // What one half says and the other denies is not added.
  expect(shrinkageThatHolds(Float64Array.of(0), [half(3), half(-1)], one).share).toBe(0);
});

it('is damped more where a column that hardly varies says something else in each half', () => {
  // H = diag(1, 0.01), λ = damping · 0.505, R = (1, ±0.1): both halves agree on the first column.
  const two = { groups: 1, rows: 1, columns: 2 };
  const half = (second: number): Covariances => ({
    h: Float64Array.of(1, 0, 0, 0.01),
    c: Float64Array.of(1, second),
    means: Float64Array.of(0, 0),
  });
  const weight = Float64Array.of(0, 0);
  // Damped by 0.01, 0.1 and 1, 0.08, 0.66 and 0.85 of the error is taken away, by hand.
  expect(shrinkageThatHolds(weight, [half(0.1), half(-0.1)], two)).toEqual({ share: 1, damping: 1 });
  // 1.89, 1.30 and 0.90 where they agree on the second, too.
  expect(shrinkageThatHolds(weight, [half(0.1), half(0.1)], two)).toEqual({ share: 1, damping: 0.01 });
});

it('covariances of two parts pooled are those of all places, means apart and all', () => {
  const [one, other] = [places(30, truth, 0.5, 4), places(50, truth, 2, 5)];
  const moved = {
    inputs: other.inputs.map((row) => row.map((value) => value + 3)),
    targets: other.targets.map((row) => row.map((value) => value - 2)),
  };
  const counted = (part: Places) => {
    const { targets, ...covariances } = covariancesOf(part);
    return { covariances, targets, count: part.inputs.length };
  };
  const { h, c, means } = pooled(counted(one), counted(moved));
  const whole = covariancesOf({
    inputs: [...one.inputs, ...moved.inputs],
    targets: [...one.targets, ...moved.targets],
  });
  for (const [found, wanted] of [
    [h, whole.h],
    [c, whole.c],
    [means, whole.means],
  ] as const)
    found.forEach((value, at) => {
      expect(value).toBeCloseTo(wanted[at] as number, 9);
    });
});
