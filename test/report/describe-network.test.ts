import { expect, test } from 'vitest';
import { node } from '../../src/graph/model.js';
import { describeNetwork } from '../../src/report/describe-network.js';

const value = (name: string) => ({ name, dataType: undefined, shape: undefined });
const graphOf = (nodes: ReturnType<typeof node>[]) => ({
  nodes,
  initializers: new Map(),
  inputs: [value('x')],
  outputs: [value('y')],
  valueInfo: new Map(),
});

test('layers and joins, with what has one source left out', () => {
  const graph = graphOf([
    node('Conv', ['x', 'w'], ['a']),
    node('Relu', ['a'], ['b']),
    node('Sigmoid', ['b'], ['c']),
    // Both sides are of one layer: nothing is joined.
    node('Mul', ['b', 'c'], ['d']),
    node('Conv', ['d', 'v'], ['e']),
    node('Add', ['e', 'b'], ['f']),
  ]);
  expect(describeNetwork(graph, new Set(['a', 'e']))).toEqual([
    { id: 'x', opType: 'Input', from: [] },
    { id: 'a', opType: 'Conv', from: [0] },
    { id: 'e', opType: 'Conv', from: [1] },
    { id: 'f', opType: 'Add', from: [1, 2] },
  ]);
});

test('too many are none', () => {
  const nodes = Array.from({ length: 401 }, (_, i) => node('Conv', [i ? `v${i - 1}` : 'x'], [`v${i}`]));
  const ids = new Set(nodes.map(({ id }) => id));
  expect(describeNetwork(graphOf(nodes.slice(0, 300)), ids)).toHaveLength(301);
  expect(describeNetwork(graphOf(nodes), ids)).toEqual([]);
});
