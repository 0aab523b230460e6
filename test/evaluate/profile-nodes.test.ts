import { expect, test } from 'vitest';
import { profileNodes } from '../../src/evaluate/profile-nodes.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';

test('each layer has its time, also where the runtime fuses and renames it; the one with most work the longest', async () => {
  const net = new Net();
  net.input('x', [1, 4, 48, 48]);
  net.conv('x', 'small', 4, 4, { kernel: [1, 1] });
  net.node('Relu', ['small'], 'r');
  net.conv('r', 'large', 4, 256, { kernel: [7, 7] });
  net.conv('large', 'y', 256, 4, { kernel: [1, 1] });
  const model = finish(net, 'y');
  const times = await profileNodes(model, randomFeed('x', [1, 4, 48, 48], 1));
  const timeOf = (id: string) => times.get(id) ?? 0;
  // Fused with its Relu, it goes by one of the two.
  const small = timeOf('small') + timeOf('r');
  expect(small).toBeGreaterThan(0);
  // 3,136 times the work; on a busy machine, too.
  expect(timeOf('large')).toBeGreaterThan(3 * small);
  expect(timeOf('y')).toBeGreaterThan(0);
  expect([...times.keys()].every((id) => model.graph.nodes.some((node) => node.id === id))).toBe(true);
});
