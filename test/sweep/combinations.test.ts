import { expect, it } from 'vitest';
import type { SweepOptions } from '../../src/options.js';
import { combinationsOf } from '../../src/sweep/combinations.js';
import { codeOf } from '../support/random-data.js';

const names = (options: Partial<SweepOptions>) =>
  combinationsOf({ model: 'net.onnx', ...options }).map(({ name }) => name);

it('is every combination once, in the order of the lists', () => {
  const lists = { schemes: ['kmeans', 'mse'], bits: [4, 2], actBits: [8, 'float'] as const };
  expect(names({ data: 'calib.npy', ...lists })).toEqual([
    'kmeans-w4a8',
    'kmeans-w4',
    'kmeans-w2a8',
    'kmeans-w2',
    'mse-w4a8',
    'mse-w4',
    'mse-w2a8',
    'mse-w2',
  ]);
  expect(names({ data: 'calib.npy', bits: [4, 4], recipe: { scheme: 'mse' } })).toEqual(['mse-w4a8']);
});

it('names observers where there are several, and has one combination where they do nothing', () => {
  const options = { data: 'calib.npy', actBits: [8, 'float'] as const, observers: ['minmax', 'mse'] };
  const found = combinationsOf({ model: 'net.onnx', ...options });
  expect(found.map(({ name }) => name)).toEqual(['minmax-w8a8-minmax', 'minmax-w8a8-mse', 'minmax-w8']);
  expect(found.map(({ recipe }) => recipe.activations)).toMatchObject([
    { observer: 'minmax' },
    { observer: 'mse' },
    { kind: 'float' },
  ]);
});

it('has an axis of what refines', () => {
  const refines = ['auto', 'none', 'moments,second-order'];
  expect(names({ data: 'calib.npy', schemes: ['kmeans'], bits: [2], refines })).toEqual([
    'kmeans-w2a8',
    'kmeans-w2a8-none',
    'kmeans-w2a8-moments-second-order',
  ]);
});

it('takes the levels of narrow activations where they are narrow', () => {
  const found = combinationsOf({
    model: 'net.onnx',
    data: 'calib.npy',
    actBits: [8, 4],
    recipe: { activations: { levels: 'log' } },
  });
  expect(found.map(({ recipe }) => recipe.activations)).toMatchObject([
    { levels: 'uniform' },
    { levels: 'log' },
  ]);
});

it('keeps exact offsets where an observer has some, below 8 bits', () => {
  const found = combinationsOf({
    model: 'net.onnx',
    data: 'calib.npy',
    actBits: [8, 4, 'float'],
    observers: ['lsqplus', 'minmax'],
    recipe: { activations: { exactOffset: true } },
  });
  const exact = found
    .filter(({ recipe: { activations } }) => activations.kind === 'static' && activations.exactOffset)
    .map(({ name }) => name);
  expect([found.length, exact]).toEqual([5, [expect.stringMatching(/^minmax-w8a4-lsqplus-[0-9a-f]{6}$/)]]);
});

it('is of weights alone without samples, unless widths were asked for', async () => {
  expect(names({ bits: [4, 8] })).toEqual(['w4', 'minmax-w8']);
  expect(await codeOf(() => names({ actBits: [8] }))).toBe('bad-option');
  expect(names({ actBits: ['float'] })).toEqual(['minmax-w8']);
  expect(names({ actBits: [8], stats: 's.json' })).toEqual(['minmax-w8a8']);
});

it.each<Partial<SweepOptions>>([
  { schemes: ['nothing'] },
  { bits: [9] },
  { data: 'calib.npy', actBits: [1] },
  { data: 'calib.npy', observers: ['nothing'] },
  { schemes: ['minmax', 'kmeans'], recipe: { format: 'matmulnbits' } },
])('refuses %j', async (options) => {
  expect(await codeOf(() => names(options))).toMatch(/^bad-(option|value)$/);
});

it('has axes of everything that a recipe has, each value in the name', () => {
  const data = 'calib.npy';
  expect(names({ data, schemes: ['kmeans'], bits: [3], groups: ['channel', 'tensor', 16] })).toEqual([
    ...['kmeans-w3a8', 'kmeans-w3a8-grouptensor', 'kmeans-w3a8-group16'],
  ]);
  expect(names({ data, observers: ['lsqplus'], actBits: [4], lsqplusConfigs: [2, 4] })).toEqual([
    ...['minmax-w8a4-lsqplus-config2', 'minmax-w8a4-lsqplus-config4'],
  ]);
  expect(names({ data, granularities: ['channel', 'tensor'] })).toEqual([
    'minmax-w8a8',
    'minmax-w8a8-tensor',
  ]);
  expect(names({ data, actBits: [4], actSchemes: ['uniform', 'log'] })).toHaveLength(2);
});
