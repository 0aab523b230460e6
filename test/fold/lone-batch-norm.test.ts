import { expect, test } from 'vitest';
import { loneBatchNorm } from '../../src/fold/lone-batch-norm.js';
import { attribute } from '../../src/graph/model.js';
import { floatTensor } from '../../src/graph/tensor.js';
import { batchNormInputs, foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

function lone(x: number[]): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', x);
  g.node('BatchNormalization', batchNormInputs(g, 'x', x[1] ?? 0), 'y');
  g.output('y');
  return g;
}

test.each([[[3, 4]], [[2, 4, 5]], [[2, 4, 4, 4]], [[1, 3, 2, 2, 2]]])('Mul and Add for %j', async (x) => {
  const model = lone(x).build();
  expect(await foldWith(loneBatchNorm, model, randomFeed('x', x, 1), ['Mul', 'Add'])).toBe(1);
  expect(model.graph.nodes[1]).toMatchObject({ id: 'y', outputs: ['y'] });
  expect([...model.batchNorms.keys()]).toEqual(['y']);
});

test('the moments are β and |γ|', async () => {
  const g = lone([1, 2, 1, 1]);
  g.constant('x_gamma', [2], [-3, 2]);
  g.constant('x_beta', [2], [-5, 6]);
  const model = g.build();
  await foldWith(loneBatchNorm, model, randomFeed('x', [1, 2, 1, 1], 1), ['Mul', 'Add']);
  expect(model.batchNorms.get('y')).toEqual({ gamma: Float32Array.of(3, 2), beta: Float32Array.of(-5, 6) });
});

test('names that are taken stay with who has them', async () => {
  const g = lone([2, 3]);
  g.node('Neg', ['x'], 'y_scale');
  g.node('Neg', ['x'], 'y_scaled');
  g.output('y_scale');
  g.output('y_scaled');
  await foldWith(loneBatchNorm, g.build(), randomFeed('x', [2, 3], 1), ['Mul', 'Add', 'Neg', 'Neg']);
});

test('the constants are of the type of the parameters', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 2], 'float64');
  const names = ['gamma', 'beta', 'mean', 'variance'];
  names.forEach((name, i) => {
    g.graph.initializers.set(name, floatTensor('float64', [2], [i + 1.5, i + 2.5]));
  });
  g.node('BatchNormalization', ['x', ...names], 'y');
  g.output('y', [2, 2], 'float64');
  const feed = { x: { type: 'float64', dims: [2, 2], data: Float64Array.of(1, -2, 3, 4) } } as const;
  await foldWith(loneBatchNorm, g.build(), feed, ['Mul', 'Add']);
});

test('stays without a known rank, in training, or with fed parameters', async () => {
  const unknown = lone([2, 3]);
  unknown.graph.inputs = [{ name: 'x', dataType: 'float32', shape: undefined }];
  await leavesAlone(loneBatchNorm, unknown.build());

  const training = lone([2, 3]);
  training.graph.nodes[0]?.attributes.set('training_mode', attribute.int(1));
  await leavesAlone(loneBatchNorm, training.build());

  const fed = lone([2, 3]);
  fed.graph.initializers.delete('x_variance');
  fed.input('x_variance', [3]);
  await leavesAlone(loneBatchNorm, fed.build());
});
