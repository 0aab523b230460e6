import { describe, expect, it } from 'vitest';
import { einsumMatMul } from '../../src/fold/einsum-matmul.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

function einsum(equation: string, dims: readonly number[], matrix: readonly number[], isFirst = false) {
  const g = new GraphBuilder();
  g.input('x', dims);
  g.constant(
    'w',
    matrix,
    randomFloats(
      matrix.reduce((a, b) => a * b, 1),
      2,
    ),
  );
  g.output(g.node('Einsum', isFirst ? ['w', 'x'] : ['x', 'w'], 'y', { equation }));
  return g.build();
}

describe('an Einsum that is a MatMul', () => {
  it.each<[string, number[], number[], boolean]>([
    ['bij,jk->bik', [2, 3, 4], [4, 5], false],
    ['bij, kj -> bik', [2, 3, 4], [5, 4], false],
    ['jk,bij->bik', [2, 3, 4], [4, 5], true],
    ['...i,oi->...o', [2, 3, 4], [5, 4], false],
    ['i,ij->j', [4], [4, 5], false],
    ['bij,jk', [2, 3, 4], [4, 5], false],
    ['...i,ij', [2, 3, 4], [4, 5], false],
  ])('%s', async (equation, dims, matrix, isFirst) => {
    const model = einsum(equation, dims, matrix, isFirst);
    expect(await foldWith(einsumMatMul, model, randomFeed('x', dims, 1), ['MatMul'])).toBe(1);
  });

  it.each<[string, number[], number[]]>([
    ['the axis summed over is not the last', [2, 4, 3], [4, 5]],
    ['bij,jk->bki', [2, 3, 4], [4, 5]],
    ['bij,ja', [2, 3, 4], [4, 5]],
    ['bij,jk->ik', [2, 3, 4], [4, 5]],
    ['bij,jj->bi', [2, 3, 4], [4, 4]],
    ['bij,ij->bij', [2, 3, 4], [3, 4]],
  ])('stays one where it is no product: %s', async (equation, dims, matrix) => {
    const own = equation.includes(',') ? equation : 'bji,jk->bik';
    await leavesAlone(einsumMatMul, einsum(own, dims, matrix));
  });
});
