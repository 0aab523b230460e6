import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { measurePortable, portableOf } from '../../src/evaluate/portable.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { hasEmulator, outputsOf } from '../support/emulated.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const emulates = await hasEmulator();

/** Weights of one sign, most of them large. */
const heavy = (count: number, seed: number) => randomFloats(count, seed).map((w) => 0.7 + 0.3 * w);

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
  const point = conv(depthwise, [9, 8, 1, 1], 'pointwise', { strides: [2, 2] });
  g.node('GlobalAveragePool', [point], 'mean');
  g.node('Flatten', ['mean'], 'flat');
  g.constant('g.w', [6, 9], heavy(54, 9));
  g.node('Gemm', ['flat', 'g.w'], 'y', { transB: 1 });
  g.output('y', ['batch', 6]);
  return g.build();
}

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

/** Samples around a centre; with a spread beyond it their codes have a zero point. */
const samplesOf = (dims: readonly number[], centre = 0.8, spread = 0.2) => {
  const size = dims.reduce((a, b) => a * b, 1);
  const data = randomFloats(8 * size, 5).map((x) => centre + spread * x);
  const feeds = Array.from({ length: 8 }, (_, row) => ({
    x: { type: 'float32' as const, dims: [1, ...dims], data: data.slice(row * size, (row + 1) * size) },
  }));
  return { data, feeds };
};

/** 10·log10(Σa² / Σ(a − b)²). */
function db(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [signal, noise] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    signal += x * x;
    noise += (x - y) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

/** What the portable form of a model gives for feeds, run as its graph states it. */
async function computed(model: Model, feeds: readonly Feed[]): Promise<number[]> {
  const portable = await portableOf(model, feeds[0] as Feed, { mode: 'exact' });
  return valuesOf(portable?.model ?? model, feeds);
}

async function valuesOf(model: Model, feeds: readonly Feed[]): Promise<number[]> {
  const values: number[] = [];
  for (const feed of feeds) values.push(...numbersOf((await runIn('exact', model, feed)).get('y')));
  return values;
}

describe('what a file gives on an x86 without VNNI', () => {
  const given: [string, Model, number[], GivenRecipe, ...[centre?: number, spread?: number]][] = [
    ['convolutions', convolutions(), [3, 8, 8], { bits: 8 }],
    ['matrices', matrices(), [4, 16], { bits: 8 }],
    ['found at run time', matrices(), [4, 16], { bits: 8, activations: { kind: 'dynamic' } }],
    ['with a zero point', convolutions(), [3, 8, 8], { bits: 8 }, 0.5, 0.7],
    ['4 bits', convolutions(), [3, 8, 8], { bits: 4, allLayers: true, scheme: 'kmeans' }],
  ];

  test.runIf(emulates).each(given)(
    'is computed as an emulated one gives it: %s',
    async (_, model, dims, recipe, centre, spread) => {
      const { data, feeds } = samplesOf(dims, centre, spread);
      const whole = { ...recipe, assumeVnni: true };
      const { bytes, emitted } = await quantizeModel(model, whole, feeds);
      const [input, file] = ['x.raw', 'q.onnx'].map((name) => join(temporaryFolder(), name)) as [
        string,
        string,
      ];
      writeFileSync(input, data);
      writeFileSync(file, bytes);
      const [there = new Float32Array()] = await outputsOf([file], input, [8, ...dims], 'without VNNI');
      // Float sums in another order, and no code of difference.
      expect(db(there, await computed(emitted.model, feeds))).toBeGreaterThan(100);
      // Far from float, which 8 bits alone are not.
      expect(db(there, await valuesOf(model, feeds))).toBeLessThan(20);
    },
    120_000,
  );

  test('is that of sums clipped two and two, by hand', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 3]);
    g.constant('w', [3, 2], Float32Array.of(127, 1, 127, -127, -127, -127));
    g.node('MatMul', ['x', 'w'], 'y');
    g.output('y', [1, 2]);
    const feed = { x: { type: 'float32' as const, dims: [1, 3], data: Float32Array.of(255, 255, 255) } };
    const { emitted } = await quantizeModel(g.build(), { bits: 8, assumeVnni: true }, [feed]);
    // 255·127 + 255·127 is clipped to 32767; 255·1 − 255·127 is not; the third stands alone.
    const made = await computed(emitted.model, [feed]);
    const sums = [32767 - 255 * 127, 255 - 255 * 127 - 255 * 127];
    const ratios = made.map((y, i) => y / (sums[i] as number));
    expect(ratios).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
  });

  test.each([
    [[], 32767 - 255 * 127],
    // A zero point of 2 is taken from each of the three weights.
    [['z'], 32767 - 255 * 127 - 2 * 3 * 255],
  ])('is that of a MatMulInteger, on machines that clip by themselves too: %j', async (more, sum) => {
    const g = new GraphBuilder();
    g.input('x', [1, 3], 'uint8');
    g.constant('w', [3, 1], Int8Array.of(127, 127, -127));
    g.constant('x_zero', [], Uint8Array.of(0));
    g.constant('z', [], Int8Array.of(2));
    g.node('MatMulInteger', ['x', 'w', 'x_zero', ...more], 'y');
    g.output('y', [1, 1], 'int32');
    const feed: Feed = { x: { type: 'uint8', dims: [1, 3], data: Uint8Array.of(255, 255, 255) } };
    expect(await computed(g.build(), [feed])).toEqual([sum]);
  });

  test('is what it gives everywhere, where no pair can saturate', async () => {
    const { feeds } = samplesOf([4, 16]);
    const { emitted } = await quantizeModel(matrices(), { bits: 8 }, feeds);
    expect(await portableOf(emitted.model, feeds[0] as Feed, { mode: 'exact' })).toBeUndefined();
  });
});

test('a drift from float, and accuracy, on a machine without VNNI', async () => {
  const model = matrices();
  const { feeds } = samplesOf([4, 16]);
  const whole = { bits: 8, assumeVnni: true };
  const { emitted } = await quantizeModel(model, whole, feeds);
  // As in a file that was read: the runtime refuses two nodes of one name.
  const { graph } = emitted.model;
  const nodes = graph.nodes.map((node) => ({ ...node, name: node.id, carried: { name: node.id } }));
  const quantized = { ...emitted.model, graph: { ...graph, nodes } };
  const sources = { floatFile: encodeModel(model), quantized, source: sourceOf(feeds) };
  const found = await measurePortable(sources, { threads: 1 });
  const [wanted, made] = [await valuesOf(model, feeds), await computed(emitted.model, feeds)];
  expect(found).toMatchObject({ layers: 3, samples: 8, task: null });
  expect(found?.outputs[0]?.drift.sqnrDb).toBeCloseTo(db(Float32Array.from(wanted), made), 4);
});
