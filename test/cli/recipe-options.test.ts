import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { observers } from '../../calibration/observers/observers.js';
import { addRecipeOptions, type RecipeFlags, recipeOf } from '../../src/cli/recipe-options.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { defaultRecipe, resolveRecipe } from '../../src/recipe.js';
import { codeOf } from '../support/random-data.js';

/** The recipe that a command line says, checked as a run checks it. */
function recipeFrom(...args: string[]) {
  const command = addRecipeOptions(new Command()).exitOverride();
  command.parse(args, { from: 'user' });
  return resolveRecipe(recipeOf(command.opts<RecipeFlags>()), { schemes, observers, actSchemes }, true);
}

describe('the flags of a recipe', () => {
  it('are the default recipe where there is none', () => {
    expect(recipeFrom()).toEqual(defaultRecipe);
    expect(defaultRecipe.observerSettings).toEqual({
      symmetric: false,
      momentum: 0.95,
      percentile: 99.99,
      lsqplusConfig: 4,
    });
  });

  it.each([
    [['--act-symmetric'], { symmetric: true }],
    [['--momentum', '0.9'], { momentum: 0.9 }],
    [['--momentum', '0'], { momentum: 0 }],
    [['--percentile', '99.9'], { percentile: 99.9 }],
    [['--percentile', '100'], { percentile: 100 }],
    [['--lsqplus-config', '1'], { lsqplusConfig: 1 }],
    [
      ['--act-symmetric', '--momentum', '1/2', '--percentile', '50', '--lsqplus-config', '2'],
      { symmetric: true, momentum: 0.5, percentile: 50, lsqplusConfig: 2 },
    ],
  ])('%j', (args, settings) => {
    expect(recipeFrom(...args).observerSettings).toEqual({ ...defaultRecipe.observerSettings, ...settings });
  });

  it('take every observer', () => {
    const names = ['minmax', 'ema', 'percentile', 'entropy', 'entropy-ncnn', 'mse', 'lsqplus'];
    expect(observers.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    for (const name of names) expect(recipeFrom('--observer', name).observer).toBe(name);
  });

  it.each([
    ['--momentum', '1'],
    ['--momentum', '-0.1'],
    ['--momentum', 'NaN'],
    ['--momentum', ''],
    ['--percentile', '0'],
    ['--percentile', '100.1'],
    ['--percentile', '-1'],
    ['--percentile', '99%'],
    ['--lsqplus-config', '0'],
    ['--lsqplus-config', '5'],
    ['--lsqplus-config', '1.5'],
    ['--observer', 'kl'],
  ])('refuse %s %j, and name the flag', async (flag, value) => {
    expect(await codeOf(() => recipeFrom(`${flag}=${value}`))).toBe('bad-option');
    expect(() => recipeFrom(`${flag}=${value}`)).toThrow(flag);
  });
});
