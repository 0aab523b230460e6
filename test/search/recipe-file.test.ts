import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultRecipe, type Recipe } from '../../src/recipe.js';
import { readRecipeFile, recipePathOf, serializeRecipe } from '../../src/search/recipe-file.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function written(text: string): string {
  const path = join(temporaryFolder(), 'a.recipe.json');
  writeFileSync(path, text);
  return path;
}

describe('a recipe in a file', () => {
  it('says what differs from the defaults, and comes back', async () => {
    const rules = [{ pattern: 'a*', bits: 3, scheme: 'kmeans' }];
    const recipe: Recipe = {
      ...defaultRecipe,
      scheme: 'mse',
      rules,
      exclude: ['b'],
      activations: { kind: 'float' },
    };
    const text = serializeRecipe(recipe);
    expect(JSON.parse(text)).toEqual({
      scheme: 'mse',
      rules,
      exclude: ['b'],
      activations: { kind: 'float' },
    });
    expect(text.endsWith('}\n')).toBe(true);
    expect({ ...defaultRecipe, ...(await readRecipeFile(written(text))) }).toEqual(recipe);
  });

  it('may be the whole recipe of a result record', async () => {
    expect(await readRecipeFile(written(JSON.stringify(defaultRecipe)))).toEqual(defaultRecipe);
  });

  it('stands beside its model', () => {
    expect(recipePathOf('out/model.auto.onnx')).toBe('out/model.auto.recipe.json');
    expect(recipePathOf('out/model')).toBe('out/model.recipe.json');
  });

  it.each([
    ['[]', ': the recipe cannot be []'],
    ['{"bitz": 4}', ': bitz is no key that is known'],
    ['{"bits": "4"}', ': bits cannot be "4"'],
    ['{"rules": {}}', ': rules cannot be {}'],
    ['{"rules": [{"bits": 4}]}', ': rules[0].pattern is missing'],
    ['{"rules": [{"pattern": "a", "bit": 4}]}', ': rules[0].bit is no key that is known'],
    ['{"exclude": [4]}', ': exclude[0] cannot be 4'],
    ['{"granularity": "row"}', ': granularity cannot be "row"'],
    [
      '{"activations": {"observerSettings": {"symmetric": 1}}}',
      ': activations.observerSettings.symmetric cannot be 1',
    ],
  ])('is refused as %s, which is told', async (text, told) => {
    const path = written(text);
    const { message } = await expectRefusal(() => readRecipeFile(path), 'bad-value', 2);
    expect(message).toContain(path);
    expect(message).toContain(told);
  });

  it('is refused where it is no JSON', async () => {
    const { message } = await expectRefusal(() => readRecipeFile(written('{')), 'recipe-format', 2);
    expect(message).toContain('is not JSON');
  });

  it('is refused where it is not', async () => {
    const { message } = await expectRefusal(() => readRecipeFile('/no/such.recipe.json'), 'file-missing', 2);
    expect(message).toContain('/no/such.recipe.json');
  });
});
