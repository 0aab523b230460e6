import { expect, test } from 'vitest';
import { asTheyAre, candidatesFor } from '../../src/init/candidates.js';
import { choose } from '../../src/init/choose.js';
import type { Evidence } from '../../src/init/evidence.js';

const evidence = (name: string, measured: Partial<Evidence>): Evidence => ({
  candidate: { ...asTheyAre, name },
  ...{ accuracy: undefined, samples: 64, divergence: undefined, information: undefined },
  ...measured,
});

const namesOf = (all: readonly Evidence[]) => all.map(({ candidate }) => candidate.name);

test('labels decide before all else, and two standard errors apart are no tie', () => {
  const [good, bad] = [
    evidence('good', { accuracy: 0.9, divergence: 5 }),
    evidence('bad', { accuracy: 0.5, divergence: 0 }),
  ];
  const { ranked, ground, isTie } = choose([bad, good]);
  expect([namesOf(ranked), ground, isTie]).toEqual([['good', 'bad'], 'labels', false]);
  // √(0.9·0.1/64) is 0.0375: 0.9 and 0.85 are within two of it.
  expect(choose([good, evidence('near', { accuracy: 0.85 })]).isTie).toBe(true);
});

test('a normalization decides where one candidate fits and no other does', () => {
  const [fits, off] = [evidence('fits', { divergence: 0.05 }), evidence('off', { divergence: 0.4 })];
  const found = choose([off, fits]);
  expect([namesOf(found.ranked), found.ground, found.isTie]).toEqual([
    ['fits', 'off'],
    'normalization',
    false,
  ]);
  expect(choose([fits, evidence('too', { divergence: 0.1 })]).isTie).toBe(true);
  expect(choose([off, evidence('worse', { divergence: 3 })]).isTie).toBe(true);
});

test('classes alone decide nothing: they put last what leaves the model unsure of all', () => {
  const all = [
    evidence('unsure', { information: 0.01 }),
    evidence('usual', { information: 0.3 }),
    evidence('sure', { information: 0.7 }),
  ];
  const { ranked, ground, isTie } = choose(all);
  expect([namesOf(ranked), ground, isTie]).toEqual([['usual', 'sure', 'unsure'], 'classes', true]);
});

test('without any evidence the order stays, and nothing is sure', () => {
  const found = choose([evidence('a', {}), evidence('b', {})]);
  expect([namesOf(found.ranked), found.ground, found.isTie]).toEqual([['a', 'b'], undefined, true]);
  expect(choose([evidence('a', {})]).isTie).toBe(false);
});

test('every preset is a candidate, and the largest of few levels gives a scale', () => {
  const names = (largest: number) => candidatesFor(largest).map(({ config }) => config);
  expect(names(255)).toEqual(['unit', 'tf', 'imagenet', 'none', 'caffe']);
  expect(names(16)).toEqual([{ scale: '1/16' }, ...names(255)]);
  expect(names(1)).toEqual(names(255));
  expect(candidatesFor(16)[0]?.preprocess?.scale).toBe(1 / 16);
});
