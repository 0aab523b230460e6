import { expect, test } from 'vitest';
import type { Model } from '../../../src/graph/model.js';
import { type RefinableLayer, refinableLayers } from '../../../src/refine/layers.js';
import { blockGraphOf, blockGraphsOf } from '../../../src/refine/learning/block-graph.js';
import { type Block, blocksOf } from '../../../src/refine/learning/blocks.js';
import { twinGraphOf } from '../../../src/refine/twin-graph.js';
import { finish, Net, residual } from '../../support/nets.js';
import { quantizeModel } from '../../support/quantize-model.js';

/** Of each block, the float values that its quantized side reads and should give, and how many layers and roundings it has. */
async function cutOut(model: Model) {
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true });
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  return blocksOf(model.graph, layers).map((block) => {
    const graph = blockGraphOf(twin, block);
    return {
      reads: graph?.inputs.map(({ float }) => float),
      gives: graph?.outputs.map(({ float }) => float),
      layers: graph?.layers.length,
      roundings: graph?.roundings.map(({ key }) => key),
    };
  });
}

test('a block reads what the one before gives, and has the roundings of what it reads', async () => {
  expect(await cutOut(residual())).toEqual([
    { reads: ['x'], gives: ['r'], layers: 1, roundings: ['x'] },
    { reads: ['r'], gives: ['t'], layers: 2, roundings: expect.arrayContaining(['r', 's', 'b']) },
    // A convolution on integers gives codes: what leaves the model is rounded, too.
    { reads: ['t'], gives: ['y'], layers: 1, roundings: ['t', 'y'] },
  ]);
});

test('what a block computes without layers is its own, its first node as well', async () => {
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.node('Sigmoid', ['x'], 'mask');
  net.node('Mul', [net.conv('x', 'a'), 'mask'], 'b');
  const [first, second] = await cutOut(finish(net, net.conv('b', 'y')));
  expect(first).toMatchObject({ reads: ['x'], gives: ['b'] });
  expect(second).toMatchObject({ reads: ['b'], gives: ['y'] });
});

test('apart, a block rounds what it reads itself, and leaves a quantizer that others have', async () => {
  // r goes to a, and past it to the sum before y.
  const net = new Net();
  net.input('x', [1, 4, 6, 6]);
  net.node('Relu', [net.conv('x', 'stem')], 'r');
  net.node('Relu', [net.conv('r', 'a')], 's');
  net.node('Add', ['s', 'r'], 'both');
  const model = finish(net, net.conv('both', 'y'));
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true });
  const layers = refinableLayers(model.graph, plan);
  const twin = twinGraphOf(model, plan, layers);
  const parts = [
    ['stem', 'r'],
    ['a', 's'],
    ['both', 'y'],
  ];
  const blocks = parts.map((names, at): Block => {
    const own = layers[at] as RefinableLayer;
    const nodes = model.graph.nodes.filter(({ outputs }) => names.includes(outputs[0] ?? ''));
    return { id: own.id, nodes, layers: [own], outputs: [names.at(-1) as string], hints: [] };
  });
  const inputsOf = (isApart: boolean) =>
    blockGraphsOf(twin, blocks, isApart).map(({ inputs, fixed }) => [inputs, [...fixed]]);
  const raw = twin.rawTwinOf('r');
  expect(inputsOf(false)[2]).toEqual([
    expect.arrayContaining([{ quantized: twin.twinOf('r'), float: 'r' }]),
    [],
  ]);
  expect(inputsOf(true)[2]).toEqual([
    expect.arrayContaining([{ quantized: raw, float: 'r' }]),
    expect.arrayContaining(['r']),
  ]);
  expect(twin.twinOf('r')).not.toBe(raw);
});
