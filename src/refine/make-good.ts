import { addLine, dot, timesSymmetric } from '../numerics/symmetric.js';
import { dampedHessian, type Hessian, timesInverse } from './fit-levels.js';
import type { Covariances } from './second-order-step.js';
import type { WeightMatrix } from './weight-matrix.js';

/** How the rows of a weight lie, its groups one after the other. */
type RowLayout = Pick<WeightMatrix, 'groups' | 'rows' | 'columns'>;

/**
 * What is to be added to a weight to make good what was lost before it: D = R·(H + λI)⁻¹ with R = Cov(t − (Wu + b), u) =
 * Cov(t, u) − WH, group by group.
 *
 * @param weight - rows of all groups
 * @param hessians - H + λI of each group; undefined where its input is constant, and nothing is added
 */
export function madeGood(
  weight: Float64Array,
  { h, c }: Covariances,
  hessians: readonly (Hessian | undefined)[],
  layout: RowLayout,
): Float64Array {
  const added = missing(weight, { h, c }, layout);
  const size = layout.rows * layout.columns;
  hessians.forEach((hessian, group) => {
    const own = part(added, group, size);
    if (hessian) timesInverse(own, hessian);
    else own.fill(0);
  });
  return added;
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
  let [gained, spent] = [0, 0];
  for (const [found, other] of [halves, [halves[1], halves[0]]] as const) {
    const added = madeGood(weight, found, hessiansOf(found.h, layout), layout);
    gained += dot(added, missing(weight, other, layout));
    const { groups, rows, columns } = layout;
    for (let group = 0; group < groups; group++) {
      const own = rowsOfGroup(added, group, { rows, columns });
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

const rowsOfGroup = (
  values: Float64Array,
  group: number,
  { rows, columns }: Pick<RowLayout, 'rows' | 'columns'>,
): Float64Array[] => Array.from({ length: rows }, (_, row) => part(values, group * rows + row, columns));

const part = (values: Float64Array, index: number, length: number): Float64Array =>
  values.subarray(index * length, (index + 1) * length);
