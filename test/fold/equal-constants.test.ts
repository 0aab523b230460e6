import { expect, test } from 'vitest';
import { equalConstants } from '../../src/fold/equal-constants.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

const feed = randomFeed('x', [2, 3], 1);
const flat = () => BigInt64Array.of(6n);

function start(): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  return g;
}

test('shapes, axes and scalars that hold the same are one, wherever they are read', async () => {
  const g = start();
  g.constant('s1', [1], flat());
  g.constant('s2', [1], flat());
  g.constant('k1', [], Float32Array.of(0.5));
  g.constant('k2', [], Float32Array.of(0.5));
  g.node('Reshape', ['x', 's1'], 'a');
  g.node('Mul', ['a', 'k1'], 'b');
  g.node('Reshape', ['b', 's2'], 'c');
  g.node('Add', ['c', 'k2'], 'y');
  g.output('y', [6]);
  const model = g.build();
  expect(await foldWith(equalConstants, model, feed, ['Reshape', 'Mul', 'Reshape', 'Add'])).toBe(2);
  expect([...model.graph.initializers.keys()]).toEqual(['s1', 'k1']);
});

test('one that a branch captures', async () => {
  const g = start();
  g.constant('k1', [], Float32Array.of(2));
  g.constant('k2', [], Float32Array.of(2));
  boolConstant(g, 'yes', true);
  g.node('Mul', ['x', 'k1'], 'a');
  ifNode(g, 'yes', 'y', 'Mul', ['a', 'k2']);
  g.output('y', [2, 3]);
  const model = g.build();
  expect(await foldWith(equalConstants, model, feed, ['Mul', 'If'])).toBe(1);
});

test.each<[string, (g: GraphBuilder) => void]>([
  [
    'of another value, type or shape',
    (g) => {
      g.constant('s1', [1], flat());
      g.constant('s2', [2], BigInt64Array.of(6n, 1n));
      g.constant('k1', [], Float32Array.of(0.5));
      g.constant('k2', [], Float32Array.of(0.25));
      g.node('Reshape', ['x', 's1'], 'a');
      g.node('Reshape', ['a', 's2'], 'b');
      g.node('Mul', ['b', 'k1'], 'c');
      g.node('Mul', ['c', 'k2'], 'y');
    },
  ],
  [
    'that are weights or biases',
    (g) => {
      g.constant('w1', [3, 3], new Float32Array(9).fill(1));
      g.constant('w2', [3, 3], new Float32Array(9).fill(1));
      g.node('MatMul', ['x', 'w1'], 'a');
      g.node('MatMul', ['a', 'w2'], 'y');
    },
  ],
  [
    'of which one can be fed',
    (g) => {
      g.constant('k1', [], Float32Array.of(0.5));
      g.constant('k2', [], Float32Array.of(0.5));
      g.input('k2', []);
      g.node('Mul', ['x', 'k1'], 'a');
      g.node('Add', ['a', 'k2'], 'y');
    },
  ],
  [
    'of which one is a graph output',
    (g) => {
      g.constant('k1', [], Float32Array.of(0.5));
      g.constant('k2', [], Float32Array.of(0.5));
      g.node('Mul', ['x', 'k1'], 'y');
      g.output('k2', []);
    },
  ],
])('constants %s stay', async (_, add) => {
  const g = start();
  add(g);
  g.output('y');
  await leavesAlone(equalConstants, g.build());
});
