import { expect, it } from 'vitest';
import { type LinearLayer, linearLayerOf } from '../../src/graph/linear-layer.js';
import { thinning } from '../../src/refine/second-order-step.js';
import { finish, Net } from '../support/nets.js';

/** A convolution 3×3. */
function convolution(): LinearLayer {
  const net = new Net();
  net.input('x', [1, 4, 32, 32]);
  const { graph } = finish(net, net.conv('x', 'y'));
  const [layer] = graph.nodes.flatMap((node) => linearLayerOf(graph, node) ?? []);
  if (!layer) throw new Error('no layer');
  return layer;
}

// 64 of 1,024 places are every fourth along both axes; of fewer than 256 samples 16,384 in all are wanted.
it.each([
  [[1, 4, 32, 32], 512, 4],
  [[1, 4, 32, 32], 256, 4],
  [[1, 4, 32, 32], 64, 2],
  [[1, 4, 32, 32], 32, 1],
  [[1, 4, 8, 8], 512, 1],
])('of results %j of %i samples one place in %i along each axis is read', (shape, samples, every) => {
  expect(thinning(convolution(), { shape, samples, opset: 17 })).toBe(every);
});

it('all places are read where the shape is not known, or slices have no steps yet', () => {
  expect(thinning(convolution(), { shape: undefined, samples: 512, opset: 17 })).toBe(1);
  expect(thinning(convolution(), { shape: [1, 4, 32, 32], samples: 512, opset: 9 })).toBe(1);
});
