import { describe, expect, test } from 'vitest';
import { gemmFactors } from '../../src/fold/gemm-factors.js';
import { attribute, floatAttribute } from '../../src/graph/model.js';
import { arrayOf } from '../../src/graph/tensor.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

function gemm(b: number[] | undefined, alpha: number, beta: number, transB = 0): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [3, 4]);
  g.constant('w', transB ? [5, 4] : [4, 5], randomFloats(20, 1));
  const bias = b ? [g.constant('b', b, randomFloats(elementCount(b), 2, -3, 3))] : [];
  g.node('Gemm', ['x', 'w', ...bias], 'y', {
    alpha: attribute.float(alpha),
    beta: attribute.float(beta),
    transB,
  });
  g.output('y', [3, 5]);
  return g;
}

const feed = randomFeed('x', [3, 4], 3);

describe('alpha and beta become 1', () => {
  test.each<[string, number[] | undefined, number, number, number]>([
    ['alpha alone', undefined, 2.5, 1, 0],
    ['beta alone', [5], 1, -0.5, 0],
    ['both, transposed', [1, 5], 0.25, 3, 1],
    ['a bias a row', [3, 1], -2, 0.5, 0],
    ['a full bias', [3, 5], -2, 0.5, 0],
    ['a scalar bias', [], -2, 0.5, 0],
    ['beta of 0', [5], 1.5, 0, 0],
  ])('%s', async (_, b, alpha, beta, transB) => {
    const model = gemm(b, alpha, beta, transB).build();
    expect(await foldWith(gemmFactors, model, feed, ['Gemm'])).toBe(1);
    const [node] = model.graph.nodes;
    expect(node && [floatAttribute(node, 'alpha', 0), floatAttribute(node, 'beta', 0)]).toEqual([1, 1]);
  });

  test('weight and bias by hand', async () => {
    const g = gemm([1], 2, -3);
    g.constant('w', [4, 5], new Float32Array(20).fill(0.5));
    g.constant('b', [1], [7]);
    await foldWith(gemmFactors, g.build(), feed, ['Gemm']);
    const data = g.graph.nodes[0]?.inputs.slice(1).map((name) => {
      return arrayOf(g.graph.initializers.get(name) ?? expect.fail()).data[0];
    });
    expect(data).toEqual([1, -21]);
  });

  test('weight and bias that another layer reads are copied', async () => {
    const g = gemm([5], 2, 3);
    g.node('Gemm', ['x', 'w', 'b'], 'z');
    g.output('z', [3, 5]);
    await foldWith(gemmFactors, g.build(), feed, ['Gemm', 'Gemm']);
  });
});

describe('stays as it is', () => {
  test('neutral factors', () => leavesAlone(gemmFactors, gemm([5], 1, 1).build()));
  test('beta without a bias', () => leavesAlone(gemmFactors, gemm(undefined, 1, 4).build()));
  test.each(['w', 'b'])('%s that is fed', async (name) => {
    const g = gemm([5], 2, 3);
    g.graph.initializers.delete(name);
    g.input(name, []);
    await leavesAlone(gemmFactors, g.build());
  });
});
