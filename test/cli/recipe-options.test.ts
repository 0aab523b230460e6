import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import { givenFlags } from '../../src/cli/given-flags.js';
import { addRecipeOptions, type RecipeFlags, recipeOf } from '../../src/cli/recipe-options.js';
import { targets } from '../../src/place/targets/targets.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import {
  completeRecipe,
  defaultActivations,
  defaultRecipe,
  type GivenRecipe,
  resolveRecipe,
} from '../../src/recipe.js';
import { codeOf } from '../support/random-data.js';

/** The recipe that a command line says, checked as a run checks it. */
function recipeFrom(...args: string[]) {
  const command = addRecipeOptions(new Command()).exitOverride();
  command.parse(args, { from: 'user' });
  return resolveRecipe(
    recipeOf(givenFlags(command, command.opts<RecipeFlags>())),
    { schemes, rangeSources, actSchemes, refiners: [], targets },
    true,
  );
}

describe('the flags of a recipe', () => {
  it('are the default recipe where there is none', () => {
    expect(recipeFrom()).toEqual(defaultRecipe);
    expect(defaultActivations.observerSettings).toEqual({
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
    expect(recipeFrom(...args).activations).toMatchObject({
      observerSettings: { ...defaultActivations.observerSettings, ...settings },
    });
  });

  it('take every observer', () => {
    const names = ['minmax', 'ema', 'percentile', 'entropy', 'entropy-ncnn', 'mse', 'lsqplus'];
    expect(rangeSources.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    for (const name of names)
      expect(recipeFrom('--observer', name).activations).toMatchObject({ observer: name });
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

  it.each([
    [['--dynamic'], { kind: 'dynamic' }],
    [['--dynamic', '--act-bits', '8'], { kind: 'dynamic' }],
    [['--act-bits', 'float'], { kind: 'float' }],
    [['--act-bits', '4', '--act-scheme', 'log'], { kind: 'static', bits: 4, levels: 'log' }],
  ])('%j say what becomes of activations', (args, activations) => {
    expect(recipeFrom(...args).activations).toMatchObject(activations);
  });

  it.each([
    [['--dynamic', '--act-bits', '4'], '--dynamic quantizes activations to 8 bits'],
    [['--dynamic', '--observer', 'ema'], '--observer has no use where ranges are found at every run'],
    [['--act-bits', 'float', '--momentum', '0.5'], '--momentum has no use where activations stay in float'],
  ])('%j refuse what would do nothing', async (args, message) => {
    expect(await codeOf(() => recipeFrom(...args))).toBe('bad-option');
    expect(() => recipeFrom(...args)).toThrow(message);
  });

  it('replace the activations of a recipe file, or parts of them', () => {
    const from = (given: GivenRecipe, ...args: string[]) => {
      const command = addRecipeOptions(new Command()).exitOverride();
      command.parse(args, { from: 'user' });
      return recipeOf(givenFlags(command, command.opts<RecipeFlags>()), completeRecipe(given)).activations;
    };
    expect(from({ activations: { kind: 'dynamic' } }, '--act-bits', '4')).toMatchObject({ bits: 4 });
    expect(from({ activations: { bits: 4, levels: 'log' } }, '--observer', 'ema')).toMatchObject({
      ...{ bits: 4, levels: 'log', observer: 'ema' },
    });
    expect(() => from({ activations: { kind: 'float' } }, '--observer', 'ema')).toThrow('has no use');
  });
});
