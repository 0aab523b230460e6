import { elementCount } from '../numerics/nd-array.js';
import type { Codes } from './program.js';

/** Two operands, element by element, by the rules of broadcasting. */
export function eachPair(a: Codes, b: Codes, combine: (x: number, y: number) => number): Codes {
  const rank = Math.max(a.dims.length, b.dims.length);
  const [left, right] = [a, b].map(({ dims }) => [...Array(rank - dims.length).fill(1), ...dims]) as [
    number[],
    number[],
  ];
  const dims = left.map((dim, axis) => (dim === 1 ? (right[axis] as number) : dim));
  const data = new Int8Array(elementCount(dims));
  const [stepA, stepB] = [stepsOf(left), stepsOf(right)];
  const place = Array(rank).fill(0);
  let [i, j] = [0, 0];
  for (let k = 0; k < data.length; k++) {
    data[k] = combine(a.data[i] as number, b.data[j] as number);
    for (let axis = rank - 1; axis >= 0; axis--) {
      place[axis]++;
      i += stepA[axis] as number;
      j += stepB[axis] as number;
      if (place[axis] < (dims[axis] as number)) break;
      i -= (stepA[axis] as number) * place[axis];
      j -= (stepB[axis] as number) * place[axis];
      place[axis] = 0;
    }
  }
  return { dims, data };
}

/** Elements from one place to the next along each axis; 0 along those of one place. */
function stepsOf(dims: readonly number[]): number[] {
  return dims.map((dim, axis) => (dim === 1 ? 0 : elementCount(dims.slice(axis + 1))));
}
