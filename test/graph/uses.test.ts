import { describe, expect, test } from 'vitest';
import { indexUses, outerValues } from '../../src/graph/uses.js';
import { branchingModel } from '../support/branching-model.js';
import { GraphBuilder } from '../support/graph-builder.js';

describe('indexUses', () => {
  const g = new GraphBuilder();
  g.input('x', [2, 4]);
  g.constant('w', [4, 4], new Float32Array(16));
  g.node('MatMul', ['x', 'w'], 'a');
  g.node('Add', ['a', 'a'], 'b');
  g.node('Split', ['b', ''], ['c', 'd']);
  g.node('Relu', ['c'], 'y');
  g.output('y');
  g.output('a');
  const uses = indexUses(g.graph);

  test('who makes a value', () => {
    expect(['x', 'w', 'a', 'd', 'none'].map((value) => uses.producer(value)?.opType)).toEqual([
      undefined,
      undefined,
      'MatMul',
      'Split',
      undefined,
    ]);
  });

  test('who reads it, each input by itself', () => {
    expect(uses.readers('a').map(({ node, index }) => [node.opType, index])).toEqual([
      ['Add', 0],
      ['Add', 1],
    ]);
    expect(uses.readers('d')).toEqual([]);
    // An input left out is no read of a value without a name.
    expect(uses.readers('')).toEqual([]);
  });

  test('one use, none, and outputs', () => {
    const one = ['w', 'b', 'a', 'y'].map((value) => uses.hasOneUse(value));
    expect(one).toEqual([true, true, false, false]);
    expect(['d', 'y', 'c'].map((value) => uses.isUnused(value))).toEqual([true, false, false]);
    expect(['a', 'y', 'b'].map((value) => uses.isOutput(value))).toEqual([true, true, false]);
  });
});

test('a value read inside a subgraph is captured: neither unused nor used once', () => {
  const { graph } = branchingModel();
  const uses = indexUses(graph);
  expect(['captured', 'deep', 'x', 'inner'].map((value) => uses.isCaptured(value))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(uses.readers('captured')).toEqual([]);
  expect(uses.hasOneUse('captured')).toBe(false);
  expect(uses.isUnused('captured')).toBe(false);
});

test('outerValues leaves out what a subgraph has itself', () => {
  const body = new GraphBuilder();
  body.input('own_input', [1]);
  body.constant('own_constant', [1], [1]);
  body.node('Add', ['own_input', 'outside'], 'own_value');
  body.node('Add', ['own_value', 'own_constant'], 'out');
  body.output('out');
  body.output('returned');
  expect([...outerValues(body.graph)]).toEqual(['outside', 'returned']);
});
