import type { Node } from '../../graph/model.js';
import type { Arithmetic, FixedPoint } from '../../numerics/fixed-point.js';
import { elementCount } from '../../numerics/nd-array.js';
import { clamp } from '../../numerics/round.js';
import { formOf, type IntegerKernel, isOfTwo, NotInteger, type ProgramSource, scaleOf } from '../kernel.js';
import { readOperands } from '../pair.js';
import type { Codes } from '../program.js';

/** What the products of two activations are multiplied by, and clamped to. */
export interface BatchMatMulParameters extends FixedPoint {
  readonly low: number;
  readonly high: number;
  /** The largest magnitude that a sum of products can have: below 2^31. */
  readonly accumulatorBound: number;
}

/** From here on a sum does not fit int32. */
const SUM_LIMIT = 2 ** 31;

/**
 * The product of two activations, as attention has it (TFLite's kernel of BatchMatMul): M = s_1·s_2 / s_y of
 * Σ (x_1 − Z_1)·(x_2 − Z_2).
 */
export const batchMatMul: IntegerKernel = {
  name: 'batch-matmul',
  opTypes: ['MatMul'],
  summary: 'the product of two activations',
  fits: isOfTwo,
  read(node: Node, source: ProgramSource) {
    const { inputs, output, bounds, nodes, constants } = readOperands(node, source);
    const [a = 1, b = 1] = inputs.map(scaleOf);
    const [zeroA = 0, zeroB = 0] = inputs.map(({ zeroPoint }) => zeroPoint);
    const inner = inputs[0]?.dims?.at(-1) ?? undefined;
    if (inner === undefined) throw new NotInteger('the length of its sums is not known');
    const furthest = (zero: number) => Math.max(127 - zero, zero + 128);
    const accumulatorBound = inner * furthest(zeroA) * furthest(zeroB);
    if (accumulatorBound >= SUM_LIMIT)
      throw new NotInteger(`its sums can reach ${accumulatorBound}, beyond int32`);
    const parameters = { ...formOf(source, (a * b) / scaleOf(output)), ...bounds, accumulatorBound };
    const zeros = [zeroA, zeroB, output.zeroPoint] as const;
    return {
      ...{ inputs, outputs: [output], nodes, constants, parameters },
      run: ([left, right]) => [
        runBatchMatMul(parameters, [left as Codes, right as Codes], zeros, source.arithmetic),
      ],
    };
  },
};

/** Codes of [..., m, k] × [..., k, n], the axes before them broadcast. */
function runBatchMatMul(
  p: BatchMatMulParameters,
  [a, b]: readonly [Codes, Codes],
  [zeroA, zeroB, zeroY]: readonly [number, number, number],
  { multiply }: Arithmetic,
): Codes {
  const [m = 1, k = 1] = a.dims.slice(-2);
  const n = b.dims.at(-1) ?? 1;
  const [outerA, outerB] = [a.dims.slice(0, -2), b.dims.slice(0, -2)];
  const rank = Math.max(outerA.length, outerB.length);
  const padded = [outerA, outerB].map((dims) => [...Array<number>(rank - dims.length).fill(1), ...dims]);
  const [left, right] = padded as [number[], number[]];
  const outer = left.map((dim, axis) => (dim === 1 ? (right[axis] as number) : dim));
  const data = new Int8Array(elementCount(outer) * m * n);
  for (let at = 0; at < elementCount(outer); at++) {
    const [i, j] = [placeIn(at, outer, left) * m * k, placeIn(at, outer, right) * k * n];
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let inner = 0; inner < k; inner++)
          sum +=
            ((a.data[i + row * k + inner] as number) - zeroA) *
            ((b.data[j + inner * n + column] as number) - zeroB);
        data[(at * m + row) * n + column] = clamp(multiply(sum, p) + zeroY, p.low, p.high);
      }
  }
  return { dims: [...outer, m, n], data };
}

/** Which of an operand's matrices meets the result's at a place. */
function placeIn(at: number, outer: readonly number[], own: readonly number[]): number {
  let [rest, place, step] = [at, 0, 1];
  for (let axis = outer.length - 1; axis >= 0; axis--) {
    const dim = outer[axis] as number;
    if (own[axis] !== 1) {
      place += (rest % dim) * step;
      step *= own[axis] as number;
    }
    rest = Math.floor(rest / dim);
  }
  return place;
}
