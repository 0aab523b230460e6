import { describe, expect, it } from 'vitest';
import { targets } from '../../src/place/targets/targets.js';
import {
  actBitsOf,
  checkPatterns,
  completeRecipe,
  defaultActivations,
  defaultRecipe,
  type GivenRecipe,
  matches,
  operatorKeptBy,
  type Recipe,
  type Rule,
  recipeFor,
  recipeName,
  resolveRecipe,
} from '../../src/recipe.js';
import { codeOf } from '../support/random-data.js';

const registries = {
  schemes: [
    { name: 'auto', widths: { least: 2, most: 8 } },
    { name: 'minmax', widths: { least: 2, most: 8 } },
    { name: 'log', widths: { least: 2, most: 8 } },
    { name: 'ternary', widths: { least: 2, most: 2 } },
  ],
  actSchemes: [{ name: 'uniform' }, { name: 'log' }],
  refiners: [],
  targets,
  rangeSources: [
    { name: 'minmax', from: 'statistics' as const, observer: {} },
    { name: 'mse', from: 'statistics' as const, observer: {} },
    { name: 'lsqplus', from: 'statistics' as const, observer: { offsetFit: () => undefined } },
    { name: 'dfq', from: 'batch-norm' as const, observer: {} },
  ],
};
const settings = defaultActivations.observerSettings;
const conv = { id: '/layer3/conv1/Conv_output_0', name: '/layer3/conv1/Conv' };
const recipe = (given: GivenRecipe): Recipe => completeRecipe(given);

describe('matches', () => {
  it.each([
    ['/layer3/conv1/Conv_output_0', true],
    ['/layer3/conv1/Conv', true],
    ['/layer3/*', true],
    ['*conv1*', true],
    ['*', true],
    ['/layer3/conv1', false],
    ['layer3*', false],
    ['/Layer3/*', false],
    ['*conv2*', false],
    ['', false],
  ])('%s: %s', (pattern, expected) => {
    expect(matches(pattern, conv)).toBe(expected);
  });

  it('takes a layer without a name by its id', () => {
    expect(matches('conv', { id: 'conv', name: undefined })).toBe(true);
    expect(matches('undefined', { id: 'conv', name: undefined })).toBe(false);
  });

  it.each([
    'model/conv:0',
    '!important',
    '!!twice',
    'a\\b',
    '\\!',
    'w[0]',
    '[abc]',
    'a.b+c?(d|e){2}^$',
    'StatefulPartitionedCall/model:0/BiasAdd',
    'Gemm *',
    'naïve 層',
    'a,b=c',
    'line\nfeed',
  ])('takes %j as it is written', (name) => {
    expect(matches(name, { id: name, name: undefined })).toBe(true);
    expect(matches(name, { id: `x${name}`, name: undefined })).toBe(false);
    expect(matches(`${name}*`, { id: `${name}/tail`, name: undefined })).toBe(true);
    expect(matches(name, { id: 'other', name: 'another' })).toBe(false);
  });
});

describe('recipeFor', () => {
  const withRules = (...rules: Rule[]) => recipeFor(recipe({ bits: 4, rules }), conv, false);

  it('is the recipe where no rule matches', () => {
    expect(withRules({ pattern: 'other', bits: 2 })).toEqual({
      bits: 4,
      actBits: 8,
      // Of its width.
      scheme: 'kmeans',
      granularity: 'channel',
      group: 'channel',
      keptBy: undefined,
    });
  });

  it('lets the last rule that matches win, setting by setting', () => {
    const layer = withRules(
      { pattern: '*', bits: 6, scheme: 'log' },
      { pattern: '/layer3/*', bits: 3 },
      { pattern: '/layer4/*', bits: 2, granularity: 'tensor' },
      { pattern: '*conv1*', actBits: 5, group: 4 },
    );
    expect(layer).toMatchObject({ bits: 3, actBits: 5, scheme: 'log', granularity: 'channel', group: 4 });
    expect(withRules({ pattern: '*', bits: 3 }, { pattern: '*', bits: 7 }).bits).toBe(7);
    expect(layer).not.toHaveProperty('pattern');
  });

  it('keeps first and last layers at 8 bits', () => {
    const low = recipe({ bits: 4, activations: { bits: 4 } });
    expect(recipeFor(low, conv, true)).toMatchObject({ bits: 8, actBits: 8 });
    expect(recipeFor(low, conv, false)).toMatchObject({ bits: 4, actBits: 4 });
    expect(recipeFor({ ...low, activations: { kind: 'float' } }, conv, true)).toMatchObject({
      bits: 8,
      actBits: 'float',
    });
  });

  it('lowers them too where it is told to', () => {
    const low = recipe({ bits: 4, activations: { bits: 3 } });
    expect(recipeFor({ ...low, allLayers: true }, conv, true)).toMatchObject({ bits: 4, actBits: 3 });
    const rules = [{ pattern: '/layer3/*', bits: 5 }];
    expect(recipeFor({ ...low, rules }, conv, true)).toMatchObject({ bits: 5, actBits: 8 });
  });

  it('keeps what is excluded, and what is not included', () => {
    const keptBy = (given: GivenRecipe) => recipeFor(recipe(given), conv, false).keptBy;
    expect(keptBy({ exclude: ['other', '*conv1*'] })).toBe('--exclude "*conv1*"');
    expect(keptBy({ include: ['other'] })).toBe('no --include names it');
    expect(keptBy({ include: ['other', '/layer3/*'] })).toBeUndefined();
    expect(keptBy({ include: ['/layer3/*'], exclude: ['*conv1*'] })).toBe('--exclude "*conv1*"');
  });
});

describe('operatorKeptBy', () => {
  const add = { id: '/add/Add_output_0', name: '/add/Add' };
  const kept = (given: GivenRecipe, isListed = false) => operatorKeptBy(recipe(given), add, isListed);

  it('names the flag: an exclusion, a rule of float arithmetic, or a list without it', () => {
    expect(kept({ exclude: ['/add/*'] })).toBe('--exclude "/add/*"');
    expect(kept({ rules: [{ pattern: '/add/*', actBits: 'float' }] })).toBe('--rule "/add/*:act-bits=float"');
    expect(kept({ include: ['other'] }, true)).toBe('no --include names it');
  });

  it('is silent where no flag speaks of it, and the last rule wins', () => {
    const rules: Rule[] = [
      { pattern: '*', actBits: 'float' },
      { pattern: '/add/*', actBits: 8 },
    ];
    expect(kept({ rules })).toBeUndefined();
    expect(kept({ rules: [{ pattern: '*', bits: 4 }] })).toBeUndefined();
    expect(kept({ include: ['other'] })).toBeUndefined();
    expect(kept({ include: ['/add/*'] }, true)).toBeUndefined();
  });
});

describe('checkPatterns', () => {
  const layers = [conv, { id: 'fc', name: undefined }];
  it('accepts patterns that each name a layer', () => {
    const good = recipe({ rules: [{ pattern: 'fc' }], exclude: ['*conv1*'], include: ['*'] });
    expect(() => checkPatterns(good, layers, 'm.onnx')).not.toThrow();
  });

  it.each([
    ['--rule', { rules: [{ pattern: 'fc' }, { pattern: 'fx', bits: 4 }] }],
    ['--exclude', { exclude: ['fx'] }],
    ['--include', { include: ['fc', 'fx'] }],
  ])('refuses a %s that names none', (flag, given) => {
    expect(() => checkPatterns(recipe(given), layers, 'm.onnx')).toThrow(`${flag} "fx" matches no layer`);
  });

  it('takes operators without a weight, but no rule that speaks of weights alone', async () => {
    const check = (given: GivenRecipe) => () =>
      checkPatterns(recipe(given), layers, 'm.onnx', [{ id: 'add', name: undefined }]);
    expect(check({ exclude: ['add'], include: ['add'] })).not.toThrow();
    expect(check({ rules: [{ pattern: 'add', actBits: 'float' }] })).not.toThrow();
    expect(await codeOf(check({ rules: [{ pattern: 'add', bits: 4 }] }))).toBe('rule-without-weight');
  });

  it('refuses an empty pattern, and any pattern where there are no layers', async () => {
    expect(await codeOf(() => checkPatterns(recipe({ exclude: [''] }), layers, 'm'))).toBe(
      'rule-matches-nothing',
    );
    expect(await codeOf(() => checkPatterns(recipe({ include: ['*'] }), [], 'm'))).toBe(
      'rule-matches-nothing',
    );
  });
});

describe('resolveRecipe', () => {
  it('is minmax-w8a8 without a word', () => {
    const resolved = resolveRecipe(undefined, registries, true);
    expect(resolved).toEqual(defaultRecipe);
    expect(recipeName(resolved)).toBe('minmax-w8a8');
  });

  it('has a name of its own for each recipe', () => {
    const nameOf = (given: GivenRecipe) => recipeName(resolveRecipe(given, registries, true));
    expect(nameOf({ granularity: 'tensor' })).toBe('minmax-w8a8-tensor');
    expect(nameOf({ activations: { observer: 'minmax' } })).toBe('minmax-w8a8-minmax');
    const names = [['a'], ['b']].map((exclude) => nameOf({ exclude }));
    expect(names).toEqual(names.map(() => expect.stringMatching(/^minmax-w8a8-[0-9a-f]{6}$/)));
    expect(new Set(names).size).toBe(2);
    expect(nameOf({ bits: 4 })).toBe('w4a8');
    expect(nameOf({ bits: 4, scheme: 'log' })).toBe('log-w4a8');
    expect(nameOf({ refine: 'none' })).toBe('minmax-w8a8-none');
    // A rule takes the scheme of the recipe, which is another one below 8 bits.
    const rules = [{ pattern: 'a', bits: 4 }];
    expect(nameOf({ rules, scheme: 'minmax' })).not.toBe(nameOf({ rules }));
  });

  it('leaves activations in float without samples', () => {
    const resolved = resolveRecipe({ activations: { bits: 4 }, bits: 4 }, registries, false);
    expect(resolved.activations).toEqual({ kind: 'float' });
    expect(recipeName(resolved)).toBe('w4');
  });

  it('names a scheme of activations, which needs some below 8 bits and samples', async () => {
    const narrow = resolveRecipe({ activations: { levels: 'log', bits: 4 } }, registries, true);
    expect(recipeName(narrow)).toBe('minmax-w8a4-log');
    const rules = [{ pattern: '*', actBits: 4 }];
    expect(actBitsOf(resolveRecipe({ activations: { levels: 'log' }, rules }, registries, true))).toBe(8);
    expect(() => resolveRecipe({ activations: { levels: 'log', bits: 4 } }, registries, false)).toThrow(
      '--act-scheme',
    );
  });

  it.each([2, 8])('takes %i bits', (bits) => {
    expect(
      resolveRecipe(
        { bits, activations: { bits }, rules: [{ pattern: '*', bits, actBits: bits }] },
        registries,
        true,
      ),
    ).toMatchObject({
      bits,
      activations: { bits },
    });
  });

  it('takes the ends of what observers can be told', () => {
    for (const changes of [
      { momentum: 0 },
      { percentile: 100 },
      { percentile: 0.01 },
      { lsqplusConfig: 1 as const },
    ]) {
      const observerSettings = { ...settings, ...changes };
      const activations = { observerSettings };
      expect(resolveRecipe({ activations }, registries, true)).toMatchObject({ activations });
    }
  });

  it.each<[string, GivenRecipe]>([
    ['recipe.scheme cannot be "max"', { scheme: 'max' }],
    ['recipe.scheme cannot be "mse"', { scheme: 'mse' }],
    ['recipe.activations.observer cannot be "log"', { activations: { observer: 'log' } }],
    ['recipe.activations.levels cannot be "mse"', { activations: { levels: 'mse', bits: 4 } }],
    ['--act-scheme log is for activations below 8 bits', { activations: { levels: 'log' } }],
    [
      '--exact-offset is for activations below 8 bits',
      { activations: { exactOffset: true, observer: 'lsqplus' } },
    ],
    [
      '--exact-offset has no use with --observer mse',
      { activations: { exactOffset: true, observer: 'mse', bits: 4 } },
    ],
    ['recipe.activations.kind cannot be "wild"', { activations: { kind: 'wild' } as object }],
    [
      'recipe.activations.bits is no key that is known',
      { activations: { kind: 'dynamic', bits: 4 } as object },
    ],
    [
      '--rule "a*": act-bits has no use where activations stay in float',
      { activations: { kind: 'float' }, rules: [{ pattern: 'a*', actBits: 4 }] },
    ],
    [
      '--rule "a*": act-bits has no use where ranges are found at every run',
      { activations: { kind: 'dynamic' }, rules: [{ pattern: 'a*', actBits: 4 }] },
    ],
    ['recipe.bits cannot be 1', { bits: 1 }],
    ['recipe.bits cannot be 9', { bits: 9 }],
    ['recipe.bits cannot be 4.5', { bits: 4.5 }],
    ['recipe.bits cannot be NaN', { bits: Number.NaN }],
    ['recipe.activations.bits cannot be 12', { activations: { bits: 12 } }],
    ['recipe.rules[0].bits cannot be 0', { rules: [{ pattern: 'a*', bits: 0 }] }],
    ['recipe.rules[0].actBits cannot be 9', { rules: [{ pattern: 'a*', actBits: 9 }] }],
    ['recipe.group cannot be 0', { group: 0 }],
    ['recipe.group cannot be 1.5', { group: 1.5 }],
    ['recipe.rules[0].group cannot be -1', { rules: [{ pattern: 'a*', group: -1 }] }],
    ['recipe.rules[0].scheme cannot be "x"', { rules: [{ pattern: 'a*', scheme: 'x' }] }],
    [
      'recipe.activations.observerSettings.momentum cannot be 1',
      { activations: { observerSettings: { ...settings, momentum: 1 } } },
    ],
    [
      'recipe.activations.observerSettings.momentum cannot be -0.5',
      { activations: { observerSettings: { ...settings, momentum: -0.5 } } },
    ],
    [
      'recipe.activations.observerSettings.momentum cannot be NaN',
      { activations: { observerSettings: { ...settings, momentum: Number.NaN } } },
    ],
    [
      'recipe.activations.observerSettings.percentile cannot be 0',
      { activations: { observerSettings: { ...settings, percentile: 0 } } },
    ],
    [
      'recipe.activations.observerSettings.percentile cannot be 101',
      { activations: { observerSettings: { ...settings, percentile: 101 } } },
    ],
    [
      'recipe.activations.observerSettings.percentile cannot be NaN',
      { activations: { observerSettings: { ...settings, percentile: Number.NaN } } },
    ],
    [
      'recipe.activations.observerSettings.lsqplusConfig cannot be 5',
      { activations: { observerSettings: { ...settings, lsqplusConfig: 5 as 4 } } },
    ],
  ])('refuses: %s', async (text, given) => {
    expect(() => resolveRecipe(given, registries, true)).toThrow(text);
    expect(await codeOf(() => resolveRecipe(given, registries, true))).toBe(
      text.startsWith('recipe.') ? 'bad-value' : 'bad-option',
    );
  });
});

describe('blocks', () => {
  const blocks = defaultRecipe.blocks;
  const resolve = (given: GivenRecipe, hasData = false) => resolveRecipe(given, registries, hasData);

  it('are for weights alone, in 2, 4 or 8 bits', () => {
    const resolved = resolve({ format: 'matmulnbits', bits: 4, blocks: { ...blocks, size: 64 } });
    expect(resolved).toMatchObject({ activations: { kind: 'float' }, blocks: { size: 64 } });
    expect(recipeName(resolved)).toBe('minmax-w4-b64');
    const inOnnx = resolve({ format: 'qdq-blocks', bits: 4, blocks: { ...blocks, size: 64 } });
    expect(recipeName(inOnnx)).toBe('minmax-w4-qdq-b64');
  });

  it.each<[GivenRecipe, boolean]>([
    [{ format: 'matmulnbits' }, true],
    [{ format: 'matmulnbits', activations: { kind: 'dynamic' } }, false],
    [{ format: 'matmulnbits', bits: 3 }, false],
    [{ format: 'matmulnbits', scheme: 'log' }, false],
    [{ format: 'qdq-blocks', bits: 2 }, false],
    [{ format: 'qdq-blocks', blocks: { ...blocks, accuracyLevel: 4 } }, false],
    [{ format: 'matmulnbits', blocks: { ...blocks, size: 8 } }, false],
    [{ format: 'matmulnbits', blocks: { ...blocks, size: 48 } }, false],
    [{ format: 'matmulnbits', blocks: { ...blocks, accuracyLevel: 5 } }, false],
    [{ blocks: { ...blocks, size: 64 } }, false],
    [{ blocks: { ...blocks, asymmetric: true } }, false],
    [{ blocks: { ...blocks, accuracyLevel: 4 } }, false],
  ])('refuses %j with samples %s', async (given, hasData) => {
    expect(await codeOf(() => resolve(given, hasData))).toMatch(/^bad-(option|value)$/);
  });
});

it('a recipe of an older version is read as it was meant', () => {
  const old = {
    ...{
      scheme: 'log',
      actBits: 4,
      dynamic: false,
      actScheme: 'log',
      observer: 'lsqplus',
      exactOffset: true,
    },
    ...{ observerSettings: { momentum: 0.5 }, matMulActivations: true, allLayers: true },
  } as object;
  expect(resolveRecipe(old, registries, true)).toEqual(
    completeRecipe({
      ...{ scheme: 'log', allLayers: true },
      activations: {
        ...{ bits: 4, levels: 'log', observer: 'lsqplus', exactOffset: true, matMul: true },
        observerSettings: { momentum: 0.5 },
      },
    }),
  );
  const kindOf = (given: object) => resolveRecipe(given, registries, true).activations.kind;
  expect([kindOf({ dynamic: true, actBits: 8 }), kindOf({ actBits: 'float', observer: 'mse' })]).toEqual([
    'dynamic',
    'float',
  ]);
});

describe('a scheme that stores only some widths', () => {
  const messageOf = (given: GivenRecipe) => {
    try {
      resolveRecipe(given, registries, false);
    } catch (thrown) {
      return (thrown as Error).message;
    }
    return undefined;
  };

  it.each([
    [{ scheme: 'ternary', bits: 2, allLayers: true }, undefined],
    [{ rules: [{ pattern: 'conv*', scheme: 'ternary', bits: 2 }] }, undefined],
    [
      { scheme: 'ternary', bits: 3, allLayers: true },
      '--scheme ternary cannot store 3 bits with ternary, which takes 2 to 2.',
    ],
    // The first and the last layers.
    [
      { scheme: 'ternary', bits: 2 },
      '--scheme ternary cannot store 8 bits with ternary, which takes 2 to 2.',
    ],
    [
      { rules: [{ pattern: 'conv*', scheme: 'ternary' }] },
      '--rule "conv*" cannot store 8 bits with ternary, which takes 2 to 2.',
    ],
  ])('%j', (given, message) => {
    expect(messageOf(given)).toBe(message);
  });
});

describe('patterns of places', () => {
  it('name layers by their place in the model, and nothing else', () => {
    const at = (position: 'first' | 'inner' | 'last' | 'only') => ({
      id: '@first',
      name: undefined,
      position,
    });
    expect(['first', 'only', 'inner', 'last'].map((each) => matches('@first', at(each as 'first')))).toEqual([
      ...[true, true, false, false],
    ]);
    expect(['first', 'only', 'inner', 'last'].map((each) => matches('@last', at(each as 'first')))).toEqual([
      ...[false, true, false, true],
    ]);
  });
});
