import { describe, expect, it } from 'vitest';
import { layersMade, refinedBy } from '../../src/report/facts.js';
import { sampleResult } from '../support/result.js';

describe('what refiners did', () => {
  const record = {
    judge: 'float' as const,
    name: 'moments',
    settings: {},
    samples: 192,
    heldBack: 64,
    blocks: [],
  };
  const told = (before: number | null, after: number | null, kept: boolean) =>
    refinedBy({ ...sampleResult(), refinements: [{ ...record, before, after, kept }] });

  it.each([
    [
      0.2,
      0.1,
      true,
      'refined by moments on 192 samples: error of the outputs 20.0 % → 10.0 % on 64 held back',
    ],
    [
      0.2,
      0.1,
      false,
      'moments on 192 samples not taken, since another gains more: error of the outputs 20.0 % → 10.0 % on 64 held back',
    ],
    [
      0.1,
      0.2,
      false,
      'moments on 192 samples withdrawn: error of the outputs 10.0 % → 20.0 % on 64 held back',
    ],
    [null, null, true, 'refined by moments on 192 samples: too few to hold some back'],
  ])('%s → %s, kept %s', (before, after, kept, words) => {
    expect(told(before, after, kept)).toEqual([words]);
  });
});

describe('how many layers are quantized', () => {
  const { plan, recipe } = sampleResult();
  const inFloat = (n: number) => ({
    ...plan,
    layers: plan.layers.map((layer, i) => ({
      ...layer,
      quantized: layer.quantized && {
        ...layer.quantized,
        runs: i < n ? ('float' as const) : ('integer' as const),
      },
    })),
  });

  it.each([
    [0, '3 of 3 layers quantized'],
    [1, '3 of 3 layers quantized (1 computes in float)'],
    [3, '3 of 3 layers quantized (3 compute in float)'],
  ])('%i of them on stored weights', (n, words) => {
    expect(layersMade({ plan: inFloat(n), recipe })).toBe(words);
  });

  it('says nothing of it where all stay float by what was asked', () => {
    const floats = recipe && { ...recipe, activations: { kind: 'float' } as const };
    expect(layersMade({ plan: inFloat(3), recipe: floats })).toBe('3 of 3 layers quantized');
  });
});
