import { describe, expect, test } from 'vitest';
import { attribute } from '../../src/graph/model.js';
import { rankOf } from '../../src/graph/rank.js';
import { indexUses } from '../../src/graph/uses.js';
import { GraphBuilder } from '../support/graph-builder.js';

const rank = (g: GraphBuilder, value: string) => rankOf(g.graph, indexUses(g.graph), value);

describe('rankOf', () => {
  const g = new GraphBuilder();
  g.input('image', ['batch', 3, undefined, undefined]);
  g.input('unknown', []);
  g.graph.inputs[1] = { name: 'unknown', dataType: 'float32', shape: undefined };
  g.constant('matrix', [5, 7], new Float32Array(35));
  g.constant('vector', [7], new Float32Array(7));
  g.constant('scalar', [], [2]);
  g.constant('three', [3], BigInt64Array.of(2n, 3n, -1n));

  test.each([
    ['what is stated', 'Relu', ['image'], 4],
    ['Flatten makes a matrix of anything', 'Flatten', ['unknown'], 2],
    ['Gemm is a matrix', 'Gemm', ['unknown', 'matrix'], 2],
    ['Reshape has the rank of its shape', 'Reshape', ['unknown', 'three'], 3],
    ['Reshape to a computed shape', 'Reshape', ['image', 'unknown'], undefined],
    ['a constant vector is broadcast', 'Add', ['image', 'vector'], 4],
    ['a constant scalar is broadcast', 'Add', ['image', 'scalar'], 4],
    ['and so is an activation', 'Mul', ['vector', 'image'], 4],
    ['one side unknown', 'Add', ['image', 'unknown'], undefined],
    ['a matrix weight keeps the rank', 'MatMul', ['image', 'matrix'], 4],
    ['MatMul of two activations', 'MatMul', ['image', 'image'], undefined],
    ['an operator that is not known', 'Squeeze', ['image'], undefined],
    ['an unknown input', 'Relu', ['unknown'], undefined],
    ['rows of a table, one for each index', 'Gather', ['matrix', 'matrix'], 3],
    ['a function of one value', 'Erf', ['image'], 4],
    ['the longest of three', 'Where', ['vector', 'scalar', 'image'], 4],
    ['an axis stays, of size 1', 'ReduceMean', ['image'], 4],
    ['steps, directions, batch and channels', 'LSTM', ['unknown', 'matrix', 'matrix'], 4],
  ] as [string, string, string[], number | undefined][])('%s', (_, opType, inputs, expected) => {
    g.graph.nodes = [];
    g.node(opType, inputs, 'y');
    expect(rank(g, 'y')).toBe(expected);
  });

  test('the second output of a node has no rank by the first', () => {
    g.graph.nodes = [];
    g.node('MaxPool', ['image'], ['y', 'indices']);
    expect([rank(g, 'y'), rank(g, 'indices')]).toEqual([4, undefined]);
  });

  test('axes that a sum takes away are not counted here', () => {
    g.graph.nodes = [];
    g.node('ReduceSum', ['image'], 'y', { keepdims: attribute.int(0) });
    expect(rank(g, 'y')).toBeUndefined();
  });

  test('a chain is followed to its beginning, and value_info stops it', () => {
    g.graph.nodes = [];
    g.node('Squeeze', ['image'], 'a');
    g.node('Relu', ['a'], 'b');
    g.node('Sigmoid', ['b'], 'c');
    expect(rank(g, 'c')).toBeUndefined();
    g.graph.valueInfo.set('a', { name: 'a', dataType: 'float32', shape: ['n', undefined] });
    expect(rank(g, 'c')).toBe(2);
  });
});

test('a residual network of many blocks takes no exponential time', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  let value = 'x';
  for (let i = 0; i < 60; i++) value = g.node('Add', [value, g.node('Relu', [value], `r${i}`)], `a${i}`);
  expect(rank(g, value)).toBe(2);
}, 2000);

test('a graph that runs in a circle has no ranks', () => {
  const g = new GraphBuilder();
  g.node('Relu', ['b'], 'a');
  g.node('Relu', ['a'], 'b');
  expect(rank(g, 'a')).toBeUndefined();
});
