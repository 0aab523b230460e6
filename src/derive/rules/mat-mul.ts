import { elementCount } from '../../numerics/nd-array.js';
import type { DerivativeRule } from '../derivative.js';
import { Steps } from '../steps.js';

/** MatMul, stacks of matrices broadcast, vectors taken as matrices of one row or column. */
export const matMul: DerivativeRule = {
  opType: 'MatMul',
  derive(node, [gradient], wanted, scope) {
    const [a = '', b = ''] = node.inputs;
    if (gradient === undefined) return { nodes: [], gradients: [] };
    const steps = new Steps(scope, `${node.id}/gradient`);
    const [dimsA, dimsB] = [scope.dims(a), scope.dims(b)];
    const [rowsA, rowsB] = [
      dimsA.length === 1 ? [1, ...dimsA] : dimsA,
      dimsB.length === 1 ? [...dimsB, 1] : dimsB,
    ];
    const [left, right] = [steps.asShape(a, dimsA, rowsA), steps.asShape(b, dimsB, rowsB)];
    const [m = 1, k = 1] = rowsA.slice(-2);
    const n = rowsB[rowsB.length - 1] ?? 1;
    const stack = broadcast(rowsA.slice(0, -2), rowsB.slice(0, -2));
    const whole = [...stack, m, n];
    const dy = steps.asShape(gradient, scope.dims(node.outputs[0] ?? ''), whole);
    const product = (first: string, second: string, rows: number, columns: number, to: readonly number[]) =>
      steps.sumTo(steps.op('MatMul', [first, second]), [...stack, rows, columns], to);
    const byA = () =>
      steps.asShape(product(dy, turned(steps, right, rowsB.length), m, k, rowsA), rowsA, dimsA);
    const byB = () => {
      if (rowsB.length === 2 && rowsA.length > 2) {
        // One matrix for the whole stack: one product over all rows.
        const rows = elementCount(rowsA) / k;
        const joined = steps.op('MatMul', [
          steps.transpose(steps.reshape(left, [rows, k]), [1, 0]),
          steps.reshape(dy, [rows, n]),
        ]);
        return steps.asShape(joined, rowsB, dimsB);
      }
      return steps.asShape(product(turned(steps, left, rowsA.length), dy, k, n, rowsB), rowsB, dimsB);
    };
    return {
      gradients: [wanted[0] ? byA() : undefined, wanted[1] ? byB() : undefined],
      nodes: steps.nodes,
    };
  },
};

/** The last two axes swapped. */
function turned(steps: Steps, value: string, rank: number): string {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return steps.transpose(value, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, at) => {
    const [one = 1, other = 1] = [a[at - rank + a.length], b[at - rank + b.length]];
    return one === 1 ? other : one;
  });
}
