import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { optionsOf, withRecipeFile } from '../../src/cli/quantize-command.js';
import { completeRecipe, defaultRecipe, saysObserver } from '../../src/recipe.js';
import { serializeRecipe } from '../../src/search/recipe-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('what stands above a configuration', () => {
  it('a recipe file takes the place of its whole recipe: what the file leaves out is the default', async () => {
    const path = join(temporaryFolder(), 'a.recipe.json');
    const recipe = { ...defaultRecipe, scheme: 'kmeans', rules: [{ pattern: 'a', bits: 5 }] };
    writeFileSync(path, serializeRecipe(recipe));
    const job = { model: 'm.onnx', seed: 3, recipe: { bits: 4, allLayers: true } };
    const named = await withRecipeFile(job, { recipe: path });
    expect(completeRecipe(optionsOf({}, named).recipe)).toEqual(recipe);
    expect(named.seed).toBe(3);
    // Flags beside it win.
    expect(completeRecipe(optionsOf({ bits: 6 }, named).recipe)).toEqual({ ...recipe, bits: 6 });
    expect(await withRecipeFile(job, {})).toBe(job);
  });

  it('an observer is said only where a flag or the job says it, be it the usual one', () => {
    const job = { model: 'm.onnx' };
    const saying = { ...job, recipe: { activations: { observer: 'mse' } } };
    expect(saysObserver(optionsOf({ bits: 6 }, job).recipe)).toBe(false);
    expect(saysObserver(optionsOf({ observer: 'mse' }, job).recipe)).toBe(true);
    expect(saysObserver(optionsOf({}, saying).recipe)).toBe(true);
  });

  it('--scheme is the only one that a search may choose, whoever asks for the search', () => {
    const job = { model: 'm.onnx', auto: { scheme: 'mse' } };
    expect(optionsOf({}, job).auto).toEqual({ scheme: 'mse' });
    expect(optionsOf({ scheme: 'kmeans' }, job).auto).toEqual({ scheme: 'kmeans' });
    expect(optionsOf({ auto: true }, job).auto).toEqual({ scheme: 'mse' });
    expect(optionsOf({ auto: true, scheme: 'kmeans' }, { model: 'm.onnx' }).auto).toEqual({
      scheme: 'kmeans',
    });
    expect(optionsOf({ scheme: 'kmeans' }, { model: 'm.onnx' }).auto).toBeUndefined();
  });
});
