import { expect, test } from 'vitest';
import { defaultRecipe } from '../../src/recipe.js';
import { type Observed, warningsOf } from '../../src/report/warnings.js';
import { sampleResult } from '../support/result.js';

const { machine, plan, outputs, timing } = sampleResult();
const calm: Observed = {
  recipe: defaultRecipe,
  machine,
  plan,
  outputs,
  speed: timing.speed,
  evaluationKind: 'evaluation',
  activations: [],
  forms: { float: 'float32', quantized: 'qdq' },
  weightBytes: { stored: 2000, packed: 2000 },
};

test('a good run has no warnings', () => {
  expect(warningsOf(calm)).toEqual([]);
});

test.each<[string, Partial<Observed>, RegExp]>([
  ['weights only', { recipe: { ...defaultRecipe, actBits: 'float' } }, /Weights only/],
  [
    'a portable format',
    { recipe: { ...defaultRecipe, format: 'qdq-int8' }, weightBytes: { stored: 300_000, packed: 150_000 } },
    /--format qdq-int8 stores the weights in 300 kB; packed they would take 150 kB/,
  ],
  [
    'levels that are uniform after all',
    {
      recipe: { ...defaultRecipe, actBits: 4, actScheme: 'log' },
      activations: [
        { name: 'image', bits: 8, scheme: 'uniform' },
        { name: 'a', bits: 4, scheme: 'log' },
        { name: 'b', bits: 4, scheme: 'uniform' },
      ],
    },
    /^1 of 2 activations below 8 bits stay uniform, as "b": log is not/,
  ],
  ['random input', { evaluationKind: 'synthetic' }, /random input/],
  ['slower', { speed: { ...timing.speed, ratio: 0.8 } }, /slower than the float one here \(0\.80×\)/],
  ['no VNNI', { machine: { ...machine, features: ['avx2'] } }, /--reduce-range/],
  [
    'kernels',
    { outputs: outputs.map((o) => ({ ...o, kernels: { ...o.kernels, sqnrDb: 20 } })) },
    /kernels of this machine lose more of output "logits" than the quantization: 20\.0 dB, the quantization itself 30\.6/,
  ],
  [
    'raised scales',
    {
      plan: {
        ...plan,
        layers: plan.layers.map((layer, i) => ({
          ...layer,
          quantized: layer.quantized && { ...layer.quantized, raisedChannels: i === 1 ? 3 : 0 },
        })),
      },
    },
    /^Layer "conv2_out" has biases too large for its steps: 3 channels .* --exclude "conv2_out"\.$/,
  ],
  [
    'another shape',
    { outputs: outputs.map((o) => ({ ...o, deployed: { ...o.deployed, shapeMismatches: 3 } })) },
    /another shape on 3 samples/,
  ],
  [
    'not finite',
    { outputs: outputs.map((o) => ({ ...o, deployed: { ...o.deployed, nonFiniteMismatches: 7 } })) },
    /7 elements/,
  ],
])('%s', (_, change, says) => {
  expect(warningsOf({ ...calm, ...change }).join('\n')).toMatch(says);
});

test('a machine without VNNI is no danger to weights of 4 bits, to a reduced range, or to ARM', () => {
  const old = { ...machine, features: ['avx2'] };
  expect(warningsOf({ ...calm, machine: old, recipe: { ...defaultRecipe, bits: 4 } })).toEqual([]);
  expect(warningsOf({ ...calm, machine: old, recipe: { ...defaultRecipe, reduceRange: true } })).toEqual([]);
  expect(warningsOf({ ...calm, machine: { ...old, arch: 'arm64' } })).toEqual([]);
});
