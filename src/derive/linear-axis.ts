import { elementCount } from '../numerics/nd-array.js';
import type { Steps } from './steps.js';

/** What an operator does along one axis, where it is linear: output = matrix · input, row-major [to, from]. */
export interface AxisMap {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly matrix: Float64Array;
}

/** A map from its entries; those of the same place are added. */
export function axisMap(
  axis: number,
  from: number,
  to: number,
  entries: Iterable<readonly [row: number, column: number, value: number]>,
): AxisMap {
  const matrix = new Float64Array(to * from);
  for (const [row, column, value] of entries) {
    const at = row * from + column;
    matrix[at] = (matrix[at] ?? 0) + value;
  }
  return { axis, from, to, matrix };
}

/**
 * The gradient of an operator that is a linear map along each of some axes (pooling by the mean, resizing, padding by
 * what is there): the transposed matrix along each.
 *
 * @param dims - shape of the gradient of the output
 */
export function transposedMaps(
  steps: Steps,
  gradient: string,
  dims: readonly number[],
  maps: readonly AxisMap[],
): string {
  let value = gradient;
  const shape = [...dims];
  for (const map of maps) {
    const [before, after] = [shape.slice(0, map.axis), shape.slice(map.axis + 1)];
    const [rows, columns] = [elementCount(before), elementCount(after)];
    shape[map.axis] = map.from;
    const product =
      columns === 1
        ? steps.op('MatMul', [
            steps.reshape(value, [rows, map.to]),
            steps.floats(map.matrix, [map.to, map.from]),
          ])
        : steps.op('MatMul', [
            steps.floats(transposed(map), [map.from, map.to]),
            steps.reshape(value, [rows, map.to, columns]),
          ]);
    value = steps.reshape(product, shape);
  }
  return value;
}

function transposed({ from, to, matrix }: AxisMap): Float64Array {
  return Float64Array.from(matrix, (_, at) => matrix[(at % to) * from + Math.floor(at / to)] ?? 0);
}
