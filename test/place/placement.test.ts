import { expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { layerNodes } from '../../src/place/layers.js';
import { place, placeWidest } from '../../src/place/place.js';
import { observableValues, observedValues } from '../../src/place/placement.js';
import { completeRecipe } from '../../src/recipe.js';
import { finish, Net } from '../support/nets.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

/** Clamps behind layers, behind moved codes and behind additions; two branches that meet; a MatMul with its bias. */
function oddNet(): Model {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  const stem = net.node('Relu', [net.conv('x', 'stem')], 'stem_relu');
  const pooled = net.node('MaxPool', [stem], 'pooled', { kernel_shape: [2, 2], strides: [2, 2] });
  const moved = net.node('Transpose', [net.conv(pooled, 'left')], 'moved', { perm: [0, 1, 3, 2] });
  const clamped = net.node('Relu', [moved], 'clamped');
  const right = net.conv(pooled, 'right');
  const sum = net.node('Relu', [net.node('Add', [clamped, right], 'sum')], 'sum_relu');
  const both = net.node('Concat', [net.conv(sum, 'inner'), net.conv(clamped, 'after')], 'both', { axis: 1 });
  const average = net.node('GlobalAveragePool', [net.conv(both, 'wide', 8)], 'average');
  const flat = net.node('Flatten', [net.node('Relu', [average], 'average_relu')], 'flat');
  net.random('bias', [3]);
  return finish(net, net.node('Add', [net.matMul(flat, 'product', 4, 3), 'bias'], 'y'));
}

it('observes what any recipe needs', () => {
  const observable = new Set(observableValues(oddNet().graph, placeWidest(oddNet(), 'm.onnx')));
  const ids = layerNodes(oddNet().graph).map(({ id }) => id);
  const asked = new Set<string>();
  forSeeds(60, (random) => {
    const recipe = completeRecipe({
      exclude: ids.filter(() => random() < 0.4),
      bits: anyInteger(random, 2, 8),
      allLayers: random() < 0.5,
      activations: { bits: anyInteger(random, 2, 8) },
    });
    const needed = observedValues(place(oddNet(), recipe, 'm.onnx'));
    expect(needed.filter((value) => !observable.has(value))).toEqual([]);
    for (const value of needed) asked.add(value);
  });
  // Not more than that either: what is only moved is left out, and each of the others some recipe asks for.
  expect([...observable].sort()).toEqual([...asked].sort());
});
