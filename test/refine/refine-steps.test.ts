import { describe, expect, it } from 'vitest';
import { resolveRecipe } from '../../src/recipe.js';
import { refineStages } from '../../src/refine/refine-steps.js';
import { registries } from '../../src/registries.js';

const namesOf = (given: Parameters<typeof resolveRecipe>[0], samples: number) =>
  refineStages(resolveRecipe(given, registries, true), { samples, hasTraining: false }).map((stage) =>
    stage.map(({ name }) => name).join(' or '),
  );

describe('what refines by itself', () => {
  it.each([
    [8, ['moments']],
    [5, ['moments']],
    [4, ['second-order or moments']],
    [3, ['second-order or moments']],
    [2, ['second-order or moments']],
  ])('follows the width of weights: %i bits', (bits, names) => {
    expect(namesOf({ bits }, 256)).toEqual(names);
  });

  it('follows the narrowest layers', () => {
    expect(namesOf({ rules: [{ pattern: 'a', bits: 2 }] }, 256)).toEqual(['second-order or moments']);
  });

  it('is nothing of few samples, of weights in blocks, and where the recipe says so', () => {
    expect(namesOf({ bits: 2 }, 255)).toEqual(['moments']);
    expect(namesOf({ bits: 2 }, 32)).toEqual(['moments']);
    expect(namesOf({ bits: 2 }, 31)).toEqual([]);
    expect(namesOf({ bits: 8 }, 32)).toEqual(['moments']);
    expect(namesOf({ bits: 8 }, 31)).toEqual([]);
    expect(namesOf({ bits: 8, format: 'matmulnbits', activations: { kind: 'float' } }, 512)).toEqual([]);
    expect(namesOf({ bits: 4, format: 'matmulnbits', activations: { kind: 'float' } }, 512)).toEqual([]);
    expect(namesOf({ bits: 2, refine: 'none' }, 512)).toEqual([]);
    expect(namesOf({ bits: 2, refine: 'moments' }, 10)).toEqual(['moments']);
  });
});
