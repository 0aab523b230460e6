import { addLine, dot, timesSymmetric } from '../numerics/symmetric.js';
import { dampedHessian, type Hessian, timesInverse } from './fit-levels.js';
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
export const hessiansOf = (h: Float64Array, { groups, columns }: RowLayout): (Hessian | undefined)[] =>
  Array.from({ length: groups }, (_, group) =>
    dampedHessian(part(h, group, columns * columns).slice(), columns),
  );

/**
 * The share of D that is to be added. D is found from places that are counted, so that a part of it is chance: the more, the
 * fewer places there are for a column. What D of each half of the samples does on the other tells how much of it holds: with
 * Q(a) = a²·tr(D·H'·Dᵀ) − 2a·tr(D·R'ᵀ), the error that it adds there, the best share is a = Σ tr(D·R'ᵀ) / Σ tr(D·H'·Dᵀ) over both. Where
 * chance has N for a signal of S in a half, a = S / (S + N); from both halves together D has N/2, and 2a / (1 + a) holds.
 *
 * @param halves - the covariances of two halves of the samples
 * @returns 0 … 1
 */
export function shareThatHolds(
  weight: Float64Array,
  halves: readonly [Covariances, Covariances],
  layout: RowLayout,
): number {
  const lost = halves.map((half) => missing(weight, half, layout)) as [Float64Array, Float64Array];
  let [gained, spent] = [0, 0];
  for (const [at, half] of halves.entries()) {
    const other = halves[1 - at] as Covariances;
    const added = solved((lost[at] as Float64Array).slice(), hessiansOf(half.h, layout), layout);
    gained += dot(added, lost[1 - at] as Float64Array);
    const { groups, columns } = layout;
    for (let group = 0; group < groups; group++) {
      const own = rowsOfGroup(added, group, layout);
      const products = timesSymmetric(own, part(other.h, group, columns * columns), columns);
      products.forEach((product, row) => {
        spent += dot(own[row] as Float64Array, product);
      });
    }
  }
  if (!(gained > 0)) return 0;
  const share = Math.min(1, gained / spent);
  return (2 * share) / (1 + share);
}
