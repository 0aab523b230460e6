import { describe, expect, it } from 'vitest';
import { resolveRecipe } from '../../src/recipe.js';
import { refineStages } from '../../src/refine/refine-steps.js';
import { registries } from '../../src/registries.js';

const namesOf = (given: Parameters<typeof resolveRecipe>[0], samples: number, hasTraining = false) =>
  refineStages(resolveRecipe(given, registries, true), { samples, hasTraining }).map((stage) =>
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

  it('learns where there is time for it, of samples enough', () => {
    expect(namesOf({ bits: 4, effort: 'good' }, 256)).toEqual(['second-order or moments', 'distill']);
    expect(namesOf({ bits: 4, effort: 'best' }, 256)).toEqual(['second-order or moments', 'distill']);
    expect(namesOf({ bits: 8, effort: 'good' }, 256)).toEqual(['moments', 'distill']);
    expect(namesOf({ bits: 4, effort: 'best' }, 255)).toEqual(['second-order']);
    expect(namesOf({ bits: 8, effort: 'best' }, 255)).toEqual(['moments']);
  });

  it('learns from labels where there are some, last', () => {
    expect(namesOf({ bits: 4 }, 256, true)).toEqual(['second-order or moments', 'finetune']);
    expect(namesOf({ bits: 8 }, 256, true)).toEqual(['moments', 'finetune']);
  });

  it('chooses weights of fewer samples unjudged, of the fewest where activations have 8 bits', () => {
    expect(namesOf({ bits: 2 }, 255)).toEqual(['second-order']);
    expect(namesOf({ bits: 4 }, 32)).toEqual(['second-order']);
    expect(namesOf({ bits: 4, activations: { kind: 'float' } }, 32)).toEqual(['second-order']);
    expect(namesOf({ bits: 4, activations: { bits: 4 } }, 64)).toEqual(['second-order']);
    expect(namesOf({ bits: 4, activations: { bits: 4 } }, 63)).toEqual(['moments']);
    expect(namesOf({ bits: 4, rules: [{ pattern: 'a', actBits: 4 }] }, 63)).toEqual(['moments']);
    expect(namesOf({ bits: 5 }, 255)).toEqual(['moments']);
  });

  it('refuses what cannot be: labels that are not there, effort without samples or beside a list', () => {
    const refusal = (flag: string, problem: string) =>
      expect.objectContaining({ code: 'bad-option', facts: expect.objectContaining({ flag, problem }) });
    expect(() => namesOf({ refine: 'finetune' }, 256)).toThrow(
      refusal('--refine', 'has finetune, which needs labelled samples'),
    );
    expect(() => namesOf({ effort: 'good' }, 0)).toThrow(refusal('--effort', 'needs samples'));
    expect(() => namesOf({ effort: 'good', refine: 'moments' }, 256)).toThrow(
      refusal('--effort', 'has no use beside --refine, which names what runs'),
    );
  });

  it('is nothing of few samples, of wide weights in blocks, and where the recipe says so', () => {
    expect(namesOf({ bits: 2 }, 31)).toEqual([]);
    expect(namesOf({ bits: 8 }, 32)).toEqual(['moments']);
    expect(namesOf({ bits: 8 }, 31)).toEqual([]);
    expect(namesOf({ bits: 8, format: 'matmulnbits', activations: { kind: 'float' } }, 512)).toEqual([]);
    expect(namesOf({ bits: 4, format: 'matmulnbits', activations: { kind: 'float' } }, 31)).toEqual([]);
    const blocks = { bits: 4, format: 'qdq-blocks', activations: { kind: 'float' } } as const;
    expect(namesOf(blocks, 32)).toEqual(['second-order']);
    expect(namesOf({ bits: 2, refine: 'none' }, 512)).toEqual([]);
    expect(namesOf({ bits: 2, refine: 'moments' }, 10)).toEqual(['moments']);
  });
});
