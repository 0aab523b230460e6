import { expect, test } from 'vitest';
import { completeRecipe, defaultRecipe } from '../../src/recipe.js';
import { type Observed, warningsOf } from '../../src/report/warnings.js';
import { sampleResult } from '../support/result.js';

const { machine, plan, outputs } = sampleResult();
const calm: Observed = {
  recipe: defaultRecipe,
  machine,
  plan,
  outputs,
  evaluationKind: 'evaluation',
  activations: [],
  forms: { float: 'float32', quantized: 'qdq' },
  weightBytes: { stored: 2000, packed: 2000 },
  sizes: { floatBytes: 9000, quantizedBytes: 9000 },
  floatConstants: undefined,
  passes: [],
  isRefined: false,
  hasSamples: false,
};

const branchOf = (branch: 'then' | 'else', sqnrDb: number | null, samples: number) => ({
  node: 'z',
  ...{ branch, sqnrDb, samples },
});

/** The plan with every layer at so many bits. */
const atBits = (bits: number) => ({
  ...plan,
  layers: plan.layers.map((layer) => ({
    ...layer,
    quantized: layer.quantized && { ...layer.quantized, bits },
  })),
});

test('a good run has no warnings', () => {
  expect(warningsOf(calm)).toEqual([]);
  const floats = { ...defaultRecipe, activations: { kind: 'float' } } as const;
  expect(warningsOf({ ...calm, recipe: floats, hasSamples: true })).toEqual([]);
});

test.each([
  ['keeps as little as the other one', 12, 21],
  ['keeps enough', 20, 40],
  ['is as float', null, null],
])('a branch that %s is not told', (_, worse, better) => {
  const branches = [branchOf('else', worse, 12), branchOf('then', better, 228)];
  expect(warningsOf({ ...calm, outputs: outputs.map((o) => ({ ...o, branches })) })).toEqual([]);
});

test('a quarter of the file may stay float', () => {
  const reader = { id: 'turn', opType: 'RotaryEmbedding', domain: '' };
  expect(warningsOf({ ...calm, floatConstants: { bytes: 2250, reader } })).toEqual([]);
});

test.each<[string, Partial<Observed>, RegExp]>([
  ['weights only', { recipe: { ...defaultRecipe, activations: { kind: 'float' } } }, /Weights only/],
  [
    'a file that has grown',
    { sizes: { floatBytes: 6000, quantizedBytes: 9000 } },
    /^The quantized file is larger than the float model, 9\.00 kB against 6\.00 kB: its weights are too small/,
  ],
  [
    'one that has grown by what the graph computed',
    { sizes: { floatBytes: 6000, quantizedBytes: 9000 }, passes: ['constant-subgraphs'] },
    /: weights that the graph computed at every run are stored now\.$/,
  ],
  [
    'constants that stay float',
    { floatConstants: { bytes: 3000, reader: { id: 'turn', opType: 'RotaryEmbedding', domain: '' } } },
    /^33 % of the file are constants that stay float, most of them of RotaryEmbedding "turn"/,
  ],
  [
    'weights for the kernels of one machine',
    { floatConstants: { bytes: 8000, reader: { id: 'c', opType: 'Conv', domain: 'com.microsoft.nchwc' } } },
    /^89 % of the file stay float: .* for the kernels of one machine .* Quantize the model that it was made from\.$/,
  ],
  [
    'a table that is most of the file',
    {
      sizes: { floatBytes: 40e6, quantizedBytes: 10e6 },
      plan: {
        ...plan,
        layers: plan.layers.slice(0, 1).map((layer) => ({
          ...layer,
          ...{ id: 'embed', opType: 'Gather', dims: [50_000, 160] },
          quantized: layer.quantized && { ...layer.quantized, bits: 8 },
        })),
      },
    },
    /^The embedding "embed" takes 80 % of the file, in 8 bits as a first layer: --rule 'embed:bits=4' halves it\.$/,
  ],
  ['an input in units of its own', { passes: ['input-scale'] }, /^Columns of an input are decades apart/],
  [
    'a portable format',
    { recipe: { ...defaultRecipe, format: 'qdq-int8' }, weightBytes: { stored: 300_000, packed: 150_000 } },
    /--format qdq-int8 stores the weights in 300 kB; packed they would take 150 kB/,
  ],
  [
    'levels that are uniform after all',
    {
      recipe: completeRecipe({ activations: { bits: 4, levels: 'log' } }),
      activations: [
        { name: 'image', bits: 8, scheme: 'uniform', zeroPoint: 3, range: { min: -1, max: 1 } },
        { name: 'a', bits: 4, scheme: 'log', zeroPoint: 3, range: { min: -1, max: 1 } },
        { name: 'b', bits: 4, scheme: 'uniform', zeroPoint: 3, range: { min: -1, max: 1 } },
      ],
    },
    /^1 of 2 activations below 8 bits stay uniform, as "b": log is not/,
  ],
  [
    'signs that are lost',
    {
      recipe: completeRecipe({
        activations: { observer: 'lsqplus', observerSettings: { lsqplusConfig: 1 } },
      }),
      activations: [
        { name: 'a', bits: 8, scheme: 'uniform', zeroPoint: 0, range: { min: -0.28, max: 4 } },
        { name: 'b', bits: 8, scheme: 'uniform', zeroPoint: 0, range: { min: 0, max: 4 } },
      ],
    },
    /^1 of 2 activations lose their negative values, as "a" \(from −0\.28\): --lsqplus-config 1/,
  ],
  [
    'narrow weights that nothing refined',
    { plan: atBits(3) },
    /^Weights of 3 bits are as the scheme left them/,
  ],
  ['random input', { evaluationKind: 'synthetic' }, /random input/],
  [
    'no VNNI',
    { machine: { ...machine, features: ['avx2'] }, recipe: { ...defaultRecipe, assumeVnni: true } },
    /without --assume-vnni/,
  ],
  [
    'kernels',
    { outputs: outputs.map((o) => ({ ...o, kernels: { ...o.kernels, sqnrDb: 25 } })) },
    /kernels of this machine lose more of output "logits" than the quantization: 25\.0 dB, the quantization itself 30\.6/,
  ],
  [
    'kernels that no rounding explains',
    { outputs: outputs.map((o) => ({ ...o, kernels: { ...o.kernels, sqnrDb: 20 } })) },
    /gives another output "logits" than the graph states, by far more .* 20\.0 dB, .* 30\.6 dB\. Suspect a bug of the runtime/,
  ],
  [
    'kernels that saturate',
    {
      machine: { ...machine, features: ['avx2'] },
      recipe: { ...defaultRecipe, bits: 4 },
      outputs: outputs.map((o) => ({ ...o, kernels: { ...o.kernels, sqnrDb: 20 } })),
    },
    /gives another output .* no VNNI, and its int8 kernels saturate/,
  ],
  [
    'a branch that is lost',
    {
      outputs: outputs.map((o) => ({
        ...o,
        branches: [branchOf('else', 3, 12), branchOf('then', null, 228)],
      })),
    },
    /^Where If "z" takes its else branch \(12 samples\), output "logits" keeps 3\.0 dB, where it takes the other one \(228\) identical\./,
  ],
  [
    'a float model that optimizations change',
    {
      outputs: outputs.map((o) => ({
        ...o,
        optimizations: { ...o.optimizations, float: { ...o.optimizations.float, sqnrDb: 41 } },
      })),
    },
    /^The runtime's optimizations change output "logits" of the float model \(41\.0 dB\): suspect a bug/,
  ],
  [
    'a float model that optimizations make infinite',
    {
      outputs: outputs.map((o) => ({
        ...o,
        optimizations: {
          ...o.optimizations,
          float: { ...o.optimizations.float, nonFiniteMismatches: 3 },
        },
      })),
    },
    /of the float model \(3 elements are not finite in one of the two\)/,
  ],
  [
    'integer operators that optimizations change',
    {
      forms: { float: 'float32', quantized: 'integer-operators' },
      outputs: outputs.map((o) => ({
        ...o,
        optimizations: { ...o.optimizations, quantized: { ...o.optimizations.quantized, sqnrDb: 15 } },
      })),
    },
    /change output "logits" of the quantized model \(15\.0 dB\)/,
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
    /^Layer "conv2_out" has biases too large for its steps: 3 channels take coarser weights\.$/,
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

test('an output that is finite nowhere is told once: what optimizations change of it tells nothing more', () => {
  const nowhere = { sqnrDb: null, cosine: null, nonFiniteMismatches: 80 };
  const lost = outputs.map((o) => ({
    ...o,
    deployed: { ...o.deployed, ...nowhere },
    optimizations: { float: { ...o.optimizations.float, ...nowhere }, quantized: o.optimizations.quantized },
  }));
  expect(warningsOf({ ...calm, outputs: lost })).toEqual([
    expect.stringMatching(/^Output "logits" is finite nowhere, .* nothing of it was compared\./),
  ]);
});

test.each<[string, Partial<Observed>]>([
  ['refined', { isRefined: true }],
  ['unrefined by wish', { recipe: { ...defaultRecipe, refine: 'none' } }],
  ['wider', { plan: atBits(4) }],
])('weights that are %s are no reason to speak', (_, change) => {
  expect(warningsOf({ ...calm, plan: atBits(3), ...change })).toEqual([]);
});

test('a machine without VNNI is no danger to files that are made for all', () => {
  const old = { ...machine, features: ['avx2'] };
  expect(warningsOf({ ...calm, machine: old })).toEqual([]);
  const recipe = { ...defaultRecipe, assumeVnni: true };
  expect(warningsOf({ ...calm, machine: { ...old, arch: 'arm64' }, recipe })).toEqual([]);
});
