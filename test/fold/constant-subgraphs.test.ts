import { describe, expect, test } from 'vitest';
import { constantSubgraphs } from '../../src/fold/constant-subgraphs.js';
import { deadCode } from '../../src/fold/dead-code.js';
import { node } from '../../src/graph/model.js';
import { arrayOf } from '../../src/graph/tensor.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

const feed = randomFeed('x', [4], 1);

function withConstant(): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [4]);
  g.constant('c', [4], [1, -2, 3, -4]);
  return g;
}

describe('a constant subgraph', () => {
  test('becomes the initializer that is read', async () => {
    const g = withConstant();
    g.node('Neg', ['c'], 'a');
    g.node('Relu', ['a'], 'b');
    g.node('Add', ['x', 'b'], 'y');
    g.output('y', [4]);
    const model = g.build();
    await foldWith(constantSubgraphs, model, feed, ['Neg', 'Add']);
    await foldWith(deadCode, model, feed, ['Add']);
    expect([...model.graph.initializers.keys()]).toEqual(['b']);
    expect(arrayOf(model.graph.initializers.get('b') ?? expect.fail()).data).toEqual(
      Float32Array.of(0, 2, 0, 4),
    );
  });

  test('that a subgraph captures', async () => {
    const g = withConstant();
    g.node('Neg', ['c'], 'a');
    boolConstant(g, 'yes', true);
    ifNode(g, 'yes', 'chosen', 'Abs', ['a']);
    g.node('Add', ['x', 'chosen'], 'y');
    g.output('y', [4]);
    await foldWith(constantSubgraphs, g.build(), feed, ['If', 'Add']);
  });

  test('of a node whose other output nobody reads', async () => {
    const g = withConstant();
    g.node('TopK', ['c', g.constant('k', [1], BigInt64Array.of(4n))], ['values', 'order']);
    g.node('Add', ['x', 'values'], 'y');
    g.output('y', [4]);
    await foldWith(constantSubgraphs, g.build(), feed, ['Add']);
  });

  test('of a node whose other output goes on into the constant part', async () => {
    const g = withConstant();
    g.node('TopK', ['c', g.constant('k', [1], BigInt64Array.of(4n))], ['values', 'order']);
    g.node('Cast', ['order'], 'numbers', { to: 1 });
    g.node('Add', ['x', 'values'], 'a');
    g.node('Add', ['a', 'numbers'], 'y');
    g.output('y', [4]);
    await foldWith(constantSubgraphs, g.build(), feed, ['Add', 'Add']);
  });
});

describe('what stays computed', () => {
  test('a graph output', async () => {
    const g = withConstant();
    g.node('Neg', ['c'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('a node with a graph output among its outputs', async () => {
    const g = withConstant();
    g.node('TopK', ['c', g.constant('k', [1], BigInt64Array.of(4n))], ['values', 'order']);
    g.node('Add', ['x', 'values'], 'y');
    g.output('y', [4]);
    g.output('order', [4], 'int64');
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('random values', async () => {
    const g = withConstant();
    g.node('RandomNormalLike', ['c'], 'noise');
    g.node('Add', ['x', 'noise'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('operators of another domain', async () => {
    const g = withConstant();
    g.graph.nodes.push({ ...node('Gelu', ['c'], ['a']), domain: 'com.microsoft' });
    g.node('Add', ['x', 'a'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('a node with a subgraph', async () => {
    const g = withConstant();
    boolConstant(g, 'yes', true);
    ifNode(g, 'yes', 'chosen', 'Neg', ['c']);
    g.node('Add', ['x', 'chosen'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('a sequence', async () => {
    const g = withConstant();
    g.node('SequenceEmpty', [], 'none');
    g.node('SequenceInsert', ['none', 'x'], 'sequence');
    g.node('ConcatFromSequence', ['sequence'], 'y', { axis: 0 });
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('what depends on an input', async () => {
    const g = withConstant();
    g.node('Mul', ['x', 'c'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test('codes that are smaller than what they stand for', async () => {
    const g = withConstant();
    g.constant('codes', [4], Int8Array.of(1, 2, 3, 4));
    g.constant('scale', [], [0.5]);
    g.node('DequantizeLinear', ['codes', 'scale'], 'w');
    g.node('Mul', ['x', 'w'], 'y');
    g.output('y', [4]);
    await leavesAlone(constantSubgraphs, g.build());
  });

  test.each([
    // 4096 bytes, and those of the constants that it is made of: 12, and an eighth of that is less.
    [1024, ['Neg', 'Add']],
    [1032, ['Expand', 'Neg', 'Add']],
  ])('a value that would grow the file: %i floats', async (count, operators) => {
    await foldWith(constantSubgraphs, expanded(count).build(), randomFeed('x', [1], 1), operators);
  });

  test('not where the file is large beside it: an eighth of its constants', async () => {
    const g = expanded(1032);
    g.constant('other', [8 * 1032], randomFloats(8 * 1032, 1));
    g.node('Add', ['other', 'other'], 'sum');
    g.node('ReduceSum', ['sum'], 'z', { keepdims: 0 });
    g.output('z');
    await foldWith(constantSubgraphs, g.build(), randomFeed('x', [1], 1), ['Neg', 'Add', 'Add', 'ReduceSum']);
  });

  test.each([
    // At most a MiB of floats, where the file has twice as much as their codes.
    [2 ** 18 - 100, 2 ** 17 + 100, ['MatMul', 'Add']],
    [2 ** 18 + 100, 2 ** 18, ['Expand', 'MatMul', 'Add']],
    // A code of a byte for each: 20 that it is made of, and half of all constants, 20 + 4 × 4096.
    [8222 - 10, 4096, ['MatMul', 'Add']],
    [8222 + 10, 4096, ['Expand', 'MatMul', 'Add']],
    // In a small file 4096 bytes.
    [4096, 1, ['MatMul', 'Add']],
    [4200, 1, ['Expand', 'MatMul', 'Add']],
  ])('a weight that would grow the file: %i floats beside %i others', async (count, others, operators) => {
    const g = new GraphBuilder();
    g.input('x', [1, 1]);
    g.constant('one', [1, 1], randomFloats(1, 1));
    g.constant('shape', [2], BigInt64Array.of(1n, BigInt(count)));
    g.constant('other', [others], randomFloats(others, 1));
    g.node('Expand', ['one', 'shape'], 'large');
    g.node('MatMul', ['x', 'large'], 'y');
    g.node('Add', ['x', 'other'], 'z');
    g.output('y', [1, count]);
    g.output('z', [1, others]);
    await foldWith(constantSubgraphs, g.build(), randomFeed('x', [1, 1], 1), operators);
  });
});

/** x + Expand(one) of so many floats. */
function expanded(count: number): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.constant('one', [1], randomFloats(1, 1));
  g.constant('shape', [1], BigInt64Array.of(BigInt(count)));
  g.node('Expand', ['one', 'shape'], 'large');
  g.node('Neg', ['x'], 'minus');
  g.node('Add', ['minus', 'large'], 'y');
  g.output('y', [count]);
  return g;
}
