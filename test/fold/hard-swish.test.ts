import { expect, it } from 'vitest';
import { hardSwish } from '../../src/fold/hard-swish.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

it('HardSwish becomes HardSigmoid and Mul, on both sides of its corners', async () => {
  const g = new GraphBuilder();
  g.input('x', [4, 50]);
  g.node('HardSwish', [g.node('HardSwish', ['x'], 'a')], 'y');
  g.output('y', [4, 50]);
  const feed = randomFeed('x', [4, 50], 1, -9, 9);
  const model = g.build();
  const ops = ['HardSigmoid', 'Mul', 'HardSigmoid', 'Mul'];
  expect(await foldWith(hardSwish, model, feed, ops)).toBe(2);
  // Layers are named by ids: those of the halves that keep the results.
  expect(model.graph.nodes.map(({ id }) => id)).toEqual(['a_gate', 'a', 'y_gate', 'y']);
});

it('what is no HardSwish stays', async () => {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.node('HardSigmoid', ['x'], 'y');
  g.output('y', [2]);
  await leavesAlone(hardSwish, g.build());
});
