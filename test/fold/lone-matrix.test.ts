import { describe, expect, it } from 'vitest';
import { loneMatrix } from '../../src/fold/lone-matrix.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

function product(dims: readonly number[], stack: readonly number[]) {
  const g = new GraphBuilder();
  g.input('x', dims);
  g.constant(
    'w',
    stack,
    randomFloats(
      stack.reduce((a, b) => a * b, 1),
      2,
    ),
  );
  g.output(g.node('MatMul', ['x', 'w'], 'y'));
  return g.build();
}

describe('a stack of one matrix', () => {
  it.each<[number[], number[]]>([
    [
      [2, 3, 4],
      [1, 4, 5],
    ],
    [
      [2, 2, 3, 4],
      [1, 4, 5],
    ],
    [
      [2, 2, 3, 4],
      [1, 1, 4, 5],
    ],
  ])('is a matrix: %j × %j', async (dims, stack) => {
    const model = product(dims, stack);
    expect(await foldWith(loneMatrix, model, randomFeed('x', dims, 1), ['MatMul'])).toBe(1);
    const [, name = ''] = model.graph.nodes[0]?.inputs ?? [];
    expect(model.graph.initializers.get(name)?.dims).toEqual([4, 5]);
  });

  it.each<[string, number[], number[]]>([
    ['the result would have fewer axes', [3, 4], [1, 4, 5]],
    ['there are two', [2, 3, 4], [2, 4, 5]],
    ['it is a matrix already', [2, 3, 4], [4, 5]],
  ])('stays where %s', async (_, dims, stack) => {
    await leavesAlone(loneMatrix, product(dims, stack));
  });
});
