import { expect, test } from 'vitest';
import { inputFit } from '../../src/evaluate/first-norms.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { sourceOf } from '../support/quantize-model.js';

/** A Conv 1×1 of two channels, −x and 2x, and what a BatchNormalization behind it said of them. */
function model(beta: readonly number[], gamma: readonly number[], isPrepared = false): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 8, 8]);
  g.constant('w', [2, 1, 1, 1], [-1, 2]);
  g.constant('quarter', [], [0.25]);
  const read = isPrepared ? g.node('Mul', ['x', 'quarter'], 'prepared') : 'x';
  g.node('Conv', [read, 'w'], 'a');
  g.node('Relu', ['a'], 'y');
  g.output('y', [1, 2, 8, 8]);
  const built = g.build();
  return {
    ...built,
    batchNorms: new Map([['a', { beta: Float32Array.from(beta), gamma: Float32Array.from(gamma) }]]),
  };
}

const feeds = (of: (x: number) => number): Feed[] =>
  Array.from({ length: 8 }, (_, n) => ({
    x: {
      type: 'float32',
      dims: [1, 1, 8, 8],
      data: Float32Array.from(randomFloats(64, n + 1, -1, 1), of),
    },
  }));

const normOf = async (made: Model, of: (x: number) => number) =>
  (await inputFit(made, sourceOf(feeds(of)))).norm;

/** Deviation of a uniform value within ±1. */
const UNIFORM = Math.sqrt(1 / 3);

test('samples like those of the training set fit, and the figures are those of normal distributions', async () => {
  const expected = model([0, 0], [UNIFORM, 2 * UNIFORM]);
  expect((await normOf(expected, (x) => x))?.divergence).toBeLessThan(0.02);
  const wide = await normOf(expected, (x) => 3 * x);
  expect(wide?.spread).toBeCloseTo(3, 0);
  // ½ (9 − 1 − ln 9)
  expect(wide?.divergence).toBeCloseTo(2.9, 0);
  const shifted = await normOf(expected, (x) => x + 2 * UNIFORM);
  expect(shifted?.shift).toBeCloseTo(2, 0);
  expect(shifted?.divergence).toBeCloseTo(2, 0);
});

test('what prepares an input inside the model is reckoned with', async () => {
  const prepared = model([0, 0], [UNIFORM / 4, UNIFORM / 2], true);
  expect((await normOf(prepared, (x) => x))?.divergence).toBeLessThan(0.02);
});

test('a normalization that was never trained, and one behind another layer, tell nothing', async () => {
  expect(await normOf(model([0, 0], [1, 1]), (x) => 9 * x)).toBeUndefined();
  const { graph, ...rest } = model([0, 0], [3, 3]);
  const nodes = [
    { ...(graph.nodes[0] as (typeof graph.nodes)[number]), id: 'first', inputs: ['x', 'v'], outputs: ['z'] },
    { ...(graph.nodes[0] as (typeof graph.nodes)[number]), inputs: ['z', 'w'] },
    graph.nodes[1] as (typeof graph.nodes)[number],
  ];
  const initializers = new Map(graph.initializers);
  const w = initializers.get('w');
  if (w) initializers.set('v', { ...w, dims: [1, 1, 1, 1], storage: w.storage });
  expect(
    (await inputFit({ ...rest, graph: { ...graph, nodes, initializers } }, sourceOf([]))).norm,
  ).toBeUndefined();
});

test('raw pixels are whole numbers up to 255; masks and small integers are none', async () => {
  const pixels = async (of: (x: number) => number) =>
    (await inputFit(model([0, 0], [1, 1]), sourceOf(feeds(of)))).pixels;
  expect(await pixels((x) => Math.round(127 * (x + 1)))).toEqual(['x']);
  expect(await pixels((x) => Math.round(x + 1))).toEqual([]);
  expect(await pixels((x) => 100 * x + 100.5)).toEqual([]);
});

test('rows that fill up the last batch of a model with fixed dimensions do not count', async () => {
  const expected = model([0, 0], [UNIFORM, 2 * UNIFORM]);
  const [input] = expected.graph.inputs;
  const two = {
    ...expected,
    graph: { ...expected.graph, inputs: [{ ...input, shape: [2, 1, 8, 8] }] },
  } as Model;
  const data = Float32Array.from({ length: 128 }, (_, i) =>
    i < 64 ? (randomFloats(64, 1, -1, 1)[i] ?? 0) : 1000,
  );
  const feed: Feed = { x: { type: 'float32', dims: [2, 1, 8, 8], data } };
  const source = {
    ...sourceOf([feed]),
    open: async function* () {
      yield { feed, size: 2, samples: 1 };
    },
  };
  expect((await inputFit(two, source)).norm?.spread).toBeCloseTo(1, 0);
});
