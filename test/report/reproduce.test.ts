import { Command } from 'commander';
import { describe, expect, it, test } from 'vitest';
import { givenFlags } from '../../src/cli/given-flags.js';
import { addRecipeOptions, type RecipeFlags, recipeOf } from '../../src/cli/recipe-options.js';
import { run } from '../../src/cli/run.js';
import type { QuantizeOptions } from '../../src/options.js';
import { recipeFlags } from '../../src/recipe/flags.js';
import { completeRecipe, defaultRecipe, type GivenRecipe, type Recipe } from '../../src/recipe.js';
import { compareCommandLine, quantizeCommandLine, quoted } from '../../src/report/reproduce.js';

const lineOf = (options: Partial<QuantizeOptions>, recipe: GivenRecipe = {}) =>
  quantizeCommandLine({ model: '/somewhere/net.onnx', ...options }, completeRecipe(recipe));

describe('the command that makes a result again', () => {
  it('names files without their folders, and leaves out what is the default', () => {
    expect(lineOf({})).toBe('quantize net.onnx');
    expect(lineOf({ data: '/data/calib.npy', output: '/tmp/q.onnx', seed: 0, threads: 4 })).toBe(
      'quantize net.onnx --data calib.npy --seed 0 -o q.onnx',
    );
  });

  it('writes paths as it is told', () => {
    const options = { model: 'a/net.onnx', data: ['x=b/c.npy', 'd e.npy'], stats: 's/t.json' };
    expect(quantizeCommandLine(options, defaultRecipe, (path) => path)).toBe(
      "quantize a/net.onnx --data x=b/c.npy --data 'd e.npy' --stats s/t.json",
    );
  });

  it('says everything that the result depends on', () => {
    const options = {
      data: ['ids=/a/ids.npy', '/a/rest.npz'],
      evalData: 'images/test',
      labels: 'folders',
      preprocess: {
        label: '--preprocess imagenet --layout nhwc',
        scale: 1,
        mean: [0],
        std: [1],
        layout: 'nhwc',
      },
      pictures: { size: { height: 32, width: 48 }, fit: 'stretch', channelOrder: 'bgr' },
      samples: 64,
      seed: 3,
      provider: 'cuda',
    } as const;
    const recipe = {
      ...{ scheme: 'kmeans', bits: 4, group: 8, allLayers: true },
      activations: {
        ...{ bits: 4, observer: 'percentile' },
        observerSettings: { percentile: 99.9, symmetric: true },
      },
      rules: [{ pattern: 'head*', bits: 8, actBits: 8 }],
      exclude: ["it's"],
    };
    expect(lineOf(options, recipe)).toBe(
      [
        'quantize net.onnx --data ids=ids.npy --data rest.npz --preprocess imagenet --layout nhwc',
        '--size 32x48 --resize stretch --channel-order bgr --samples 64 --seed 3 --eval-data images/test --labels folders',
        '--scheme kmeans --bits 4 --group 8 --act-bits 4 --observer percentile --act-symmetric --percentile 99.9',
        "--rule 'head*:bits=8,act-bits=8' --exclude 'it'\\''s' --all-layers --provider cuda",
      ].join(' '),
    );
  });

  it('says what was asked of the result, gates and all', () => {
    const gates = ['size<=300KB', { gate: 'sqnr[a b]>=30dB', level: 'warn' }, { gate: 'top1>0.9' }] as const;
    const options = { origins: true, suggest: true, gates, baseline: '/results/main.json', output: 'q.onnx' };
    expect(lineOf(options)).toBe(
      "quantize net.onnx --origins --suggest --gate 'size<=300KB' --warn 'sqnr[a b]>=30dB' --gate 'top1>0.9' --baseline main.json -o q.onnx",
    );
    const compared = {
      float: 'a/net.onnx',
      quantized: 'b/new.onnx',
      gates: ['size<1MB'],
      baseline: 'main.json',
    };
    expect(compareCommandLine(compared)).toBe(
      "quantize compare a/net.onnx b/new.onnx --gate 'size<1MB' --baseline main.json",
    );
  });

  it('spells out a preprocessing that has no flags', () => {
    const preprocess = { label: 'mine', scale: 0.5, mean: [1, 2], std: [3], layout: undefined };
    expect(lineOf({ preprocess })).toBe('quantize net.onnx --scale 0.5 --mean 1,2 --std 3');
  });

  it('weights alone: without samples they are all there is, with samples it has to be said', () => {
    expect(lineOf({}, { activations: { kind: 'float' } })).toBe('quantize net.onnx');
    expect(lineOf({ data: 'a.npy' }, { activations: { kind: 'float' } })).toBe(
      'quantize net.onnx --data a.npy --act-bits float',
    );
  });
});

test('words as a shell takes them', () => {
  expect(['a/b.onnx', 'a b', '', '$x', "'"].map(quoted)).toEqual([
    'a/b.onnx',
    "'a b'",
    "''",
    "'$x'",
    "''\\'''",
  ]);
});

/** A recipe that differs from the default in every field. */
const changed: Recipe = {
  ...{ scheme: 'mse', bits: 3, granularity: 'tensor', group: 'tensor' },
  activations: {
    ...{
      kind: 'static',
      bits: 5,
      levels: 'log',
      observer: 'ema',
      exactOffset: true,
      matMul: true,
      keepBoxes: 'off',
    },
    observerSettings: { symmetric: true, momentum: 0.5, percentile: 90, lsqplusConfig: 1 },
  },
  blocks: { size: 64, asymmetric: true, accuracyLevel: 4 },
  rules: [{ pattern: 'a', bits: 8 }],
  ...{ exclude: ['b'], include: ['c'], allLayers: true, format: 'matmulnbits' },
  ...{
    target: 'qnn',
    reduceRange: true,
    assumeVnni: true,
    equalize: 'on',
    smooth: 'off',
    refine: 'none',
    float16: true,
    effort: 'good',
  },
};

describe('the flags of a recipe', () => {
  /** What the command line makes of flags. */
  const parsed = (flags: readonly string[]): Recipe => {
    const command = addRecipeOptions(new Command()).exitOverride();
    command.parse(flags, { from: 'user' });
    return recipeOf(givenFlags(command, command.opts<RecipeFlags>()));
  };

  it('are none for the default', () => {
    expect(recipeFlags(defaultRecipe)).toEqual([]);
  });

  it.each(Object.keys(changed) as (keyof Recipe)[])('say %s, alone', (key) => {
    const recipe = { ...defaultRecipe, [key]: changed[key] };
    expect(recipe).not.toEqual(defaultRecipe);
    expect(parsed(recipeFlags(recipe))).toEqual(recipe);
  });

  it.each([{ kind: 'dynamic' }, { kind: 'float' }] as const)('say activations that are %j', (activations) => {
    const recipe = { ...defaultRecipe, activations };
    expect(parsed(recipeFlags(recipe))).toEqual(recipe);
  });

  it('say all of it', () => {
    expect(parsed(recipeFlags(changed))).toEqual(changed);
  });
});

test('the command knows every flag that a result names', async () => {
  let help = '';
  const stream = {
    write: (text: string) => {
      help += text;
    },
  };
  await run({ argv: ['node', 'quantize', '--help'], stdout: stream, stderr: stream });
  const line = lineOf(
    {
      ...{
        data: 'd',
        evalData: 'e',
        stats: 's',
        labels: 'l',
        samples: 1,
        seed: 1,
        provider: 'cuda',
        output: 'o',
      },
      ...{ origins: true, suggest: true, metric: 'm', baseline: 'b' },
      gates: ['size<1MB', { gate: 'size<1KB', level: 'warn' }],
      inputRange: { low: [0], high: [1] },
      preprocess: { label: 'x', scale: 1, mean: [0], std: [1], layout: 'nchw' },
      pictures: { size: { height: 1, width: 1 }, fit: 'crop', channelOrder: 'rgb' },
      raw: { type: 'float32', shape: [1, 2] },
    },
    changed,
  );
  const flags = line.match(/(?<= )--?[a-z][a-z0-9-]*/g) ?? [];
  expect(new Set(flags).size).toBeGreaterThan(30);
  for (const flag of flags) expect(help).toMatch(new RegExp(`(^|[ ,])${flag}[ ,]`, 'm'));
});
