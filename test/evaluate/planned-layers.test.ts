import { describe, expect, it } from 'vitest';
import { layerPairs } from '../../src/evaluate/layer-pairs.js';
import { plannedLayers } from '../../src/evaluate/planned-layers.js';
import type { Model } from '../../src/graph/model.js';
import { decodeModel } from '../../src/proto/decode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { between, finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

/** A MatMul with its bias, and a Gemm that writes float. */
function matrices(): Model {
  const net = new Net();
  net.input('x', [2, 8]);
  net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', [8])], 's');
  return finish(net, net.gemm(net.node('Relu', ['s'], 'r'), 'y', 8, 3));
}

describe('the layers of a file that this tool wrote', () => {
  it.each<[string, () => Model, GivenRecipe]>([
    ['convolutions', () => between((net, v) => net.node('Relu', [net.conv(v, 'a')], 'o')), {}],
    ['a Clip', () => between((net, v) => net.clip(v, 'o', -0.3, 0.3)), {}],
    [
      'codes that are moved before any DQ',
      () =>
        between((net, v) => net.node('MaxPool', [net.node('Relu', [v], 'r')], 'o', { kernel_shape: [2, 2] })),
      {},
    ],
    [
      'narrow activations',
      () => between((net, v) => net.conv(v, 'a')),
      { allLayers: true, activations: { bits: 4 } },
    ],
    [
      'tables of activations',
      () => between((net, v) => net.node('Relu', [v], 'r')),
      { allLayers: true, activations: { bits: 4, levels: 'log' } },
    ],
    [
      'weights alone',
      () => between((net, v) => net.conv(v, 'a')),
      { bits: 4, activations: { kind: 'float' } },
    ],
    ['dynamic ranges', matrices, { activations: { kind: 'dynamic' } }],
    ['matrices', matrices, {}],
    [
      'float layers between',
      () => between((net, v) => net.conv(net.node('Tanh', [v], 't'), 'a')),
      { exclude: ['a'] },
    ],
  ])('%s: found in the file where the writer put them', async (_, make, recipe) => {
    const { float, placement, emitted, bytes } = await quantizeModel(make(), recipe);
    const expected = layerPairs(placement, emitted);
    const found = plannedLayers(float.graph, placement, decodeModel(bytes));
    expect(found?.pairs).toEqual(expected.pairs);
    const measured = ({ graph }: Model) =>
      graph.nodes
        .filter(({ outputs }) => outputs[0]?.includes('_measured'))
        .map(({ inputs, outputs }) => [inputs, outputs]);
    expect(measured(found?.model as Model)).toEqual(measured(expected.model));
  });

  it.each(['other', '/features/other.1/conv'])('are not those of another model, as of %s', async (name) => {
    const modelOf = (layer: string) =>
      between((net, v) => net.node('Relu', [net.conv(v, layer)], `${layer}_relu`));
    const { float, placement } = await quantizeModel(modelOf('/features/block.1/conv'));
    const other = await quantizeModel(modelOf(name));
    expect(plannedLayers(float.graph, placement, other.emitted.model)).toBeUndefined();
  });
});
