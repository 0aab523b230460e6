import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { describeMachine, saturates } from '../../src/runtime/machine.js';
import { hasEmulator, outputsOf } from '../support/emulated.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const emulates = await hasEmulator();
if (!emulates) {
  console.warn(
    'skipped: files under an emulated CPU without VNNI; install qemu-user (qemu-x86_64) to run them',
  );
}

/** Weights of one sign, most of them large: the sums of their products overflow int16 in pairs. */
const heavy = (count: number, seed: number) => randomFloats(count, seed).map((w) => 0.7 + 0.3 * w);

/** Convolutions of every kind that kernels tell apart, and a Gemm. */
function convolutions(): Model {
  const g = new GraphBuilder();
  g.input('x', ['batch', 3, 8, 8]);
  const conv = (input: string, dims: readonly number[], name: string, attributes = {}): string => {
    g.constant(
      `${name}.w`,
      dims,
      heavy(
        dims.reduce((a, b) => a * b, 1),
        name.length,
      ),
    );
    g.node('Conv', [input, `${name}.w`], `${name}.y`, attributes);
    return g.node('Relu', [`${name}.y`], name);
  };
  const pads = [1, 1, 1, 1];
  const first = conv('x', [8, 3, 3, 3], 'whole', { pads });
  const grouped = conv(first, [8, 2, 3, 3], 'grouped', { pads, group: 4 });
  const depthwise = conv(grouped, [8, 1, 3, 3], 'depthwise', { pads, group: 8 });
  const doubled = conv(depthwise, [16, 1, 3, 3], 'multiplied', { pads, group: 8 });
  const point = conv(doubled, [9, 16, 1, 1], 'pointwise', { strides: [2, 2] });
  g.node('GlobalAveragePool', [point], 'mean');
  g.node('Flatten', ['mean'], 'flat');
  g.constant('g.w', [6, 9], randomFloats(54, 9));
  g.node('Gemm', ['flat', 'g.w'], 'y', { transB: 1 });
  g.output('y', ['batch', 6]);
  return g.build();
}

/** Matrices behind one another, and a convolution of one axis before them. */
function matrices(): Model {
  const g = new GraphBuilder();
  g.input('x', ['batch', 4, 16]);
  g.constant('c', [5, 4, 3], heavy(60, 1));
  g.node('Conv', ['x', 'c'], 'a', { pads: [1, 1] });
  g.node('Relu', ['a'], 'b');
  g.constant('m', [16, 7], heavy(112, 2));
  g.node('MatMul', ['b', 'm'], 'd');
  g.node('Relu', ['d'], 'e');
  g.constant('n', [7, 6], heavy(42, 3));
  g.node('MatMul', ['e', 'n'], 'y');
  g.output('y', ['batch', 5, 6]);
  return g.build();
}

const recipes: GivenRecipe[] = [
  { bits: 8 },
  { bits: 8, granularity: 'tensor' },
  { bits: 8, scheme: 'mse' },
  { bits: 4, allLayers: true, scheme: 'kmeans' },
  { bits: 3, allLayers: true, scheme: 'wentropy' },
  { bits: 6, allLayers: true, scheme: 'kmeans', group: 'tensor' },
  { bits: 4, allLayers: true, activations: { bits: 4, levels: 'log' } },
];
const dynamic: GivenRecipe[] = [
  { bits: 8, activations: { kind: 'dynamic' } },
  { bits: 4, allLayers: true, scheme: 'kmeans', activations: { kind: 'dynamic' } },
];

test.runIf(emulates).each([
  ['convolutions', convolutions(), [3, 8, 8], recipes],
  ['matrices', matrices(), [4, 16], [...recipes, ...dynamic]],
] as const)(
  'the same bits on an emulated x86 without VNNI: %s',
  async (_, model, dims, given) => {
    const folder = temporaryFolder();
    const size = dims.reduce<number>((a, b) => a * b, 1);
    const data = randomFloats(8 * size, 5).map((x) => 0.8 + 0.2 * x);
    writeFileSync(join(folder, 'x.raw'), data);
    const feeds = Array.from({ length: 8 }, (_, row) => ({
      x: { type: 'float32' as const, dims: [1, ...dims], data: data.slice(row * size, (row + 1) * size) },
    }));
    const models: string[] = [];
    // The last one shows what the guard is for: without it the sums are others.
    for (const recipe of [...given, { bits: 8, assumeVnni: true }]) {
      const { bytes } = await quantizeModel(model, { ...recipe }, feeds);
      const path = join(folder, `${models.length}.onnx`);
      writeFileSync(path, bytes);
      models.push(path);
    }
    const outputs = (where: 'here' | 'without VNNI') =>
      outputsOf(models, join(folder, 'x.raw'), [8, ...dims], where);
    const [here, there] = [await outputs('here'), await outputs('without VNNI')];
    for (const [i, recipe] of given.entries()) expect([recipe, there[i]]).toEqual([recipe, here[i]]);
    expect(there.at(-1)?.some((y) => y !== there[0]?.[0])).toBe(true);
    if (saturates(describeMachine()) === false) expect(there.at(-1)).not.toEqual(here.at(-1));
  },
  300_000,
);
