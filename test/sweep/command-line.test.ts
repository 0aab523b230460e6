import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { presets } from '../../calibration/preprocess.js';
import { addRecipeOptions, type RecipeFlags, recipeOf } from '../../src/cli/recipe-options.js';
import { defaultRecipe, type Recipe } from '../../src/recipe.js';
import { commandOf, quoted, recipeFlags } from '../../src/sweep/command-line.js';

/** What the command line makes of flags. */
function parsed(flags: readonly string[]): Recipe {
  const command = addRecipeOptions(new Command()).exitOverride();
  command.parse(flags, { from: 'user' });
  return recipeOf(command.opts<RecipeFlags>());
}

describe('the flags of a recipe', () => {
  /** For each part of a recipe another value than the default. */
  const others: { readonly [K in keyof Recipe]: Recipe[K] } = {
    scheme: 'kmeans',
    bits: 4,
    granularity: 'tensor',
    group: 3,
    actBits: 'float',
    dynamic: true,
    matMulActivations: true,
    actScheme: 'log',
    observer: 'mse',
    exactOffset: true,
    observerSettings: { symmetric: true, momentum: 0.5, percentile: 99, lsqplusConfig: 2 },
    rules: [
      { pattern: '/head/*:0', bits: 8, actBits: 4, scheme: 'log', granularity: 'tensor', group: 'tensor' },
      { pattern: "it's", bits: 2 },
    ],
    exclude: ['a', 'b c'],
    include: ['*'],
    allLayers: true,
    format: 'matmulnbits',
    blocks: { size: 64, asymmetric: true, accuracyLevel: 4 },
    reduceRange: true,
  };

  it('are none for the default', () => {
    expect(recipeFlags(defaultRecipe)).toEqual([]);
  });

  it.each(Object.keys(others) as (keyof Recipe)[])('say %s, alone', (key) => {
    const recipe = { ...defaultRecipe, [key]: others[key] };
    expect(recipe).not.toEqual(defaultRecipe);
    expect(parsed(recipeFlags(recipe))).toEqual(recipe);
  });

  it('say all of it', () => {
    expect(parsed(recipeFlags(others))).toEqual(others);
  });
});

it('the command of a run names its samples as they were given', () => {
  const preset = presets.unit;
  if (!preset) throw new Error('there is no such preset');
  const options = {
    model: 'a net.onnx',
    data: ['x=a.npy', 'b.npy'],
    evalData: 'test.npy',
    labels: 'labels.npy',
    samples: 64,
    seed: 3,
    preprocess: { ...preset, label: '--preprocess unit --layout nhwc', layout: 'nhwc' as const },
    pictures: { size: { height: 32, width: 48 }, fit: 'stretch' as const, channelOrder: undefined },
    raw: { type: undefined, shape: [3, 4] },
  };
  expect(commandOf(options, { ...defaultRecipe, scheme: 'kmeans', actBits: 4 })).toBe(
    "quantize 'a net.onnx' --data x=a.npy --data b.npy --eval-data test.npy --labels labels.npy --samples 64 --seed 3 " +
      '--preprocess unit --layout nhwc --size 32x48 --resize stretch --bin-shape 3x4 --scheme kmeans --act-bits 4',
  );
});

it.each([
  ['plain-1.0/x', 'plain-1.0/x'],
  ['a b', "'a b'"],
  ["it's", "'it'\\''s'"],
  ['$(rm)', "'$(rm)'"],
  ['*', "'*'"],
  ['', "''"],
])('%j is quoted as %s', (word, text) => {
  expect(quoted(word)).toBe(text);
});
