import { expect, test } from 'vitest';
import { deadCode } from '../../src/fold/dead-code.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

const feed = randomFeed('x', [2], 1);

function start(): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.node('Relu', ['x'], 'y');
  g.output('y', [2]);
  return g;
}

test('a chain that leads nowhere goes with its constants', async () => {
  const g = start();
  g.constant('c', [2], [1, 2]);
  g.node('Add', ['x', 'c'], 'a');
  g.node('Split', ['a'], ['b', 'd'], { axis: 0, num_outputs: 2 });
  g.node('Neg', ['b'], 'e');
  const model = g.build({ opset: 18 });
  expect(await foldWith(deadCode, model, feed, ['Relu'])).toBe(4);
  expect(model.graph.initializers.size).toBe(0);
});

test('what a subgraph captures lives, and what a dead If captured does not', async () => {
  const g = start();
  boolConstant(g, 'yes', true);
  g.node('Neg', ['x'], 'captured');
  g.constant('c', [2], [1, 2]);
  ifNode(g, 'yes', 'z', 'Add', ['captured', 'c']);
  g.output('z', [2]);
  await leavesAlone(deadCode, g.build());
  g.graph.outputs.pop();
  await foldWith(deadCode, g.build(), feed, ['Relu']);
  expect(g.graph.initializers.size).toBe(0);
});

test('a node with one output that is read stays, and so do outputs and their constants', async () => {
  const g = start();
  g.node('Split', ['x'], ['a', 'z'], { axis: 0, num_outputs: 2 });
  g.output('z', [1]);
  g.constant('returned', [1], [1]);
  g.output('returned', [1]);
  await leavesAlone(deadCode, g.build({ opset: 18 }));
});

test('an initializer that an input lists stays, since the input would have to be fed', async () => {
  const g = start();
  g.constant('w', [1], [1]);
  g.input('w', [1]);
  await leavesAlone(deadCode, g.build());
});
