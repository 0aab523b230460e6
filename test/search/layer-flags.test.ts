import { expect, it } from 'vitest';
import { defaultRecipe, matches, parseRule } from '../../src/recipe.js';
import { registries } from '../../src/registries.js';
import { bitFlags, excludeFlag, ruleFlag, shortPattern } from '../../src/search/layer-flags.js';

it('flags are quoted for a shell, and read back as the rule they are from', () => {
  const rule = { pattern: "a:b'c", bits: 3, actBits: 4, scheme: 'kmeans' };
  const flag = ruleFlag(rule);
  expect(flag).toBe("--rule 'a:b'\\''c:bits=3,act-bits=4,scheme=kmeans'");
  expect(parseRule("a:b'c:bits=3,act-bits=4,scheme=kmeans", registries)).toEqual(rule);
  expect(excludeFlag('fc')).toBe("--exclude 'fc'");
});

it('a recipe is its scheme, its width, and its rules in order', () => {
  const rules = [
    { pattern: 'a', bits: 8 },
    { pattern: 'b', scheme: 'mse' },
  ];
  expect(bitFlags({ ...defaultRecipe, scheme: 'kmeans', bits: 4, rules, exclude: ['c'] })).toEqual([
    '--scheme kmeans',
    '--bits 4',
    "--rule 'a:bits=8'",
    "--rule 'b:scheme=mse'",
    "--exclude 'c'",
  ]);
  expect(bitFlags(defaultRecipe)).toEqual([]);
});

it('a long name is cut to what no other layer begins with', () => {
  const layers = ['stage1', 'stage2'].map((stage) => ({
    id: `/network/${stage}/a/name/that/is/long/enough/to/be/cut`,
    name: undefined,
  }));
  const [first] = layers;
  const pattern = shortPattern(first?.id ?? '', layers);
  expect(pattern).toBe('/network/stage1*');
  expect(layers.filter((layer) => matches(pattern, layer))).toEqual([first]);
  expect(shortPattern('fc', layers)).toBe('fc');
});
