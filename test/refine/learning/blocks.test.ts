import { expect, test } from 'vitest';
import type { Model } from '../../../src/graph/model.js';
import { refinableLayers } from '../../../src/refine/layers.js';
import { blocksOf, wholeBlock } from '../../../src/refine/learning/blocks.js';
import { finish, Net, residual } from '../../support/nets.js';
import { quantizeModel } from '../../support/quantize-model.js';

async function cut(model: Model, by = blocksOf) {
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true });
  return by(model.graph, refinableLayers(model.graph, plan)).map(({ layers, outputs }) => ({
    layers: layers.map(({ id }) => id),
    outputs,
  }));
}

test('a residual block is one block, its shortcut inside', async () => {
  expect(await cut(residual())).toEqual([
    { layers: ['stem'], outputs: ['r'] },
    { layers: ['a', 'b'], outputs: ['t'] },
    { layers: ['y'], outputs: ['y'] },
  ]);
});

test('the whole graph is one', async () => {
  expect(await cut(residual(), wholeBlock)).toEqual([{ layers: ['stem', 'a', 'b', 'y'], outputs: ['y'] }]);
  const model = residual();
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true });
  // What blocks of its second half give inside, but not what it gives itself.
  expect(wholeBlock(model.graph, refinableLayers(model.graph, plan))[0]?.hints).toEqual(['t']);
});

test('where shortcuts span the whole graph, it is cut where the fewest values cross', async () => {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  // Ten layers, the first read again by the last: no place has one value alone.
  const names = Array.from({ length: 10 }, (_, i) => `c${i}`);
  let value = 'x';
  for (const name of names) value = net.conv(value, name);
  const model = finish(net, net.node('Add', [value, 'c0'], 'y'));
  const blocks = await cut(model);
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.flatMap(({ layers }) => layers)).toEqual(names);
  for (const { layers } of blocks) expect(layers.length).toBeLessThanOrEqual(8);
  // What crosses is an output of the first part as well as its last layer's.
  expect(blocks[0]?.outputs).toContain('c0');
});

test('a value that no layer made crosses without being counted', async () => {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.node('Sigmoid', ['x'], 'mask');
  net.node('Mul', [net.conv('x', 'a'), 'mask'], 'b');
  net.node('Mul', [net.conv('b', 'c'), 'mask'], 'd');
  const blocks = await cut(finish(net, net.conv('d', 'y')));
  expect(blocks.map(({ layers }) => layers)).toEqual([['a'], ['c'], ['y']]);
  // Behind the product, not before it.
  expect(blocks[1]?.outputs).toEqual(['d']);
});
