import { expect, test } from 'vitest';
import { addRecipe, readRecipe } from '../../src/emit/recipe-metadata.js';
import type { Model } from '../../src/graph/model.js';
import { defaultRecipe, type Recipe } from '../../src/recipe.js';
import { metadataKeys } from '../../src/version.js';
import { smallModel } from '../support/small-model.js';

const withText = (text: string): Model => {
  const model = smallModel();
  model.metadata.set(metadataKeys.recipe, text);
  return model;
};

test('a recipe is read as it was written', () => {
  const recipe: Recipe = {
    ...defaultRecipe,
    bits: 4,
    group: 'tensor',
    rules: [{ pattern: '*', bits: 3 }],
    exclude: ['a'],
    activations: { kind: 'float' },
  };
  const model = smallModel();
  addRecipe(model, recipe);
  expect(readRecipe(model)).toEqual(recipe);
});

test('a model without one has none', () => {
  expect(readRecipe(smallModel())).toBeUndefined();
});

test.each([
  'no JSON',
  'null',
  '[]',
  '3',
  '{"bits":"4"}',
  '{"rules":"*"}',
  '{"rules":[null]}',
  '{"rules":[{"bits":4}]}',
  '{"exclude":[1]}',
  '{"include":{}}',
  '{"observerSettings":[]}',
  '{"unknown":1}',
])('%s is none', (text) => {
  expect(readRecipe(withText(text))).toBeUndefined();
});
