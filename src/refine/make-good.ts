import { addLine, dot, timesSymmetric } from '../numerics/symmetric.js';
import { DAMPING, dampedHessian, type Hessian, timesInverse } from './hessian.js';
import type { Covariances } from './second-order-step.js';
import { part, rowsOfGroup, type WeightMatrix } from './weight-matrix.js';

/** How the rows of a weight lie, its groups one after the other. */
type RowLayout = Pick<WeightMatrix, 'groups' | 'rows' | 'columns'>;

/**
 * What is to be added to a weight to make good what was lost before it: D = R·(H + λI)⁻¹ with R = Cov(t − (Wu + b), u) =
 * Cov(t, u) − WH, group by group.
 *
 * @param weight - rows of all groups
 * @param hessians - H + λI of each group; undefined where its input is constant, and nothing is added
 */
export const madeGood = (
  weight: Float64Array,
  covariances: Pick<Covariances, 'h' | 'c'>,
  hessians: readonly (Hessian | undefined)[],
  layout: RowLayout,
): Float64Array => solved(missing(weight, covariances, layout), hessians, layout);

/** R·(H + λI)⁻¹, in place of R. */
function solved(
  residuals: Float64Array,
  hessians: readonly (Hessian | undefined)[],
  { rows, columns }: RowLayout,
): Float64Array {
  hessians.forEach((hessian, group) => {
    const own = part(residuals, group, rows * columns);
    if (hessian) timesInverse(own, hessian);
    else own.fill(0);
  });
  return residuals;
}

/** R = Cov(t, u) − WH, rows × columns of each group. */
function missing(
  weight: Float64Array,
  { h, c }: Pick<Covariances, 'h' | 'c'>,
  { groups, rows, columns }: RowLayout,
): Float64Array {
  const found = c.slice();
  for (let group = 0; group < groups; group++) {
    const own = rowsOfGroup(weight, group, { rows, columns });
    timesSymmetric(own, part(h, group, columns * columns), columns).forEach((given, row) => {
      addLine(part(found, group * rows + row, columns), -1, given);
    });
  }
  return found;
}

/** H + λI of each group. */
export const hessiansOf = (
  h: Float64Array,
  { groups, columns }: RowLayout,
  damping: number = DAMPING,
): (Hessian | undefined)[] =>
  Array.from({ length: groups }, (_, group) =>
    dampedHessian(part(h, group, columns * columns).slice(), columns, damping),
  );

/** How much of D is to be added, and how much it is damped. */
export interface Shrinkage {
  /** 0 … 1 */
  readonly share: number;
  /** λ as a share of the mean diagonal of H. */
  readonly damping: number;
}

/** Without a second half to judge by. */
export const ALL_OF_IT: Shrinkage = { share: 1, damping: DAMPING };

/** What D may be damped by, the usual first. */
const DAMPINGS = [DAMPING, 0.1, 1] as const;

/**
 * How D is to be shrunk. D is found from places that are counted, so that a part of it is chance: the more, the fewer
 * places there are for a column. What D of each half of the samples does on the other tells how much of it holds: with
 * Q(a) = a²·tr(D·H'·Dᵀ) − 2a·tr(D·R'ᵀ), the error that it adds there, the best share is a = Σ tr(D·R'ᵀ) / Σ tr(D·H'·Dᵀ) over both. Where
 * chance has N for a signal of S in a half, a = S / (S + N); from both halves together D has N/2, and 2a / (1 + a) holds. Of the
 * dampings that is taken whose best share takes the most of the error away.
 *
 * @param halves - the covariances of two halves of the samples
 */
export function shrinkageThatHolds(
  weight: Float64Array,
  halves: readonly [Covariances, Covariances],
  layout: RowLayout,
): Shrinkage {
  const lost = halves.map((half) => missing(weight, half, layout)) as [Float64Array, Float64Array];
  let best: Shrinkage & { readonly taken: number } = { share: 0, damping: DAMPING, taken: 0 };
  for (const damping of DAMPINGS) {
    let [gained, spent] = [0, 0];
    for (const [at, half] of halves.entries()) {
      const added = solved((lost[at] as Float64Array).slice(), hessiansOf(half.h, layout, damping), layout);
      gained += dot(added, lost[1 - at] as Float64Array);
      spent += energyOf(added, (halves[1 - at] as Covariances).h, layout);
    }
    if (!(gained > 0)) continue;
    const share = Math.min(1, gained / spent);
    const taken = share * (2 * gained - share * spent);
    if (taken > best.taken) best = { share: (2 * share) / (1 + share), damping, taken };
  }
  return { share: best.share, damping: best.damping };
}

/** tr(D·H·Dᵀ) over all groups. */
function energyOf(rows: Float64Array, h: Float64Array, layout: RowLayout): number {
  const { groups, columns } = layout;
  let energy = 0;
  for (let group = 0; group < groups; group++) {
    const own = rowsOfGroup(rows, group, layout);
    timesSymmetric(own, part(h, group, columns * columns), columns).forEach((product, row) => {
      energy += dot(own[row] as Float64Array, product);
    });
  }
  return energy;
}
