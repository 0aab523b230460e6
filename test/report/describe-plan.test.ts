import { expect, it } from 'vitest';
import { place } from '../../src/place/place.js';
import { completeRecipe, type GivenRecipe } from '../../src/recipe.js';
import { describePlan } from '../../src/report/describe-plan.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';

/** Notes of a plan for three layers in a row. */
function notes(changes: GivenRecipe) {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 1, 1]);
  g.constant('w', [2, 2, 1, 1], randomFloats(4, 1));
  g.node('Conv', ['x', 'w'], 'a');
  g.node('Conv', ['a', 'w'], 'b');
  g.node('Conv', ['b', 'w'], 'c');
  g.output('c', [1, 2, 1, 1]);
  const model = g.build();
  const recipe = completeRecipe(changes);
  const { layers } = describePlan(model.graph, place(model, recipe, 'model.onnx'), recipe);
  return layers.map((layer) => layer.quantized?.note);
}

it('says where int8 cannot hold all levels of a scheme', () => {
  const edge = 'int8 holds 7 of 127 magnitudes';
  expect(notes({ scheme: 'log', bits: 4 })).toEqual([edge, null, edge]);
  expect(notes({ scheme: 'log', bits: 4, allLayers: true, reduceRange: true })).toEqual(
    new Array(3).fill('int8 holds 6 of 7 magnitudes'),
  );
  expect(notes({ scheme: 'kmeans', bits: 4 })).toEqual([null, null, null]);
});
