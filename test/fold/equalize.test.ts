import { describe, expect, test } from 'vitest';
import { equalize } from '../../src/fold/equalize.js';
import { defaultForm, type FoldedForm } from '../../src/fold/folded-form.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { foldContext } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { expectSameOutputs } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

const CHANNELS = 8;
const X = [1, 3, 6, 6];

/** Sizes of channels over three decades, as depthwise kernels have them. */
const decades = Float64Array.from({ length: CHANNELS }, (_, c) => 10 ** (-1.5 + (3 * c) / (CHANNELS - 1)));

/** x → Conv "a", its channels of the sizes given → what is between → a Conv or Gemm that undoes them → y. */
function unequal(
  sizes: ArrayLike<number>,
  between: (g: GraphBuilder, value: string) => string = (g, value) => g.node('Relu', [value], 'r'),
): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', X);
  const own = randomFloats(CHANNELS * 27, 1).map((w, i) => w * (sizes[Math.floor(i / 27)] as number));
  g.constant('w', [CHANNELS, 3, 3, 3], own);
  g.constant(
    'b',
    [CHANNELS],
    Float32Array.from(sizes, (s) => s / 10),
  );
  g.node('Conv', ['x', 'w', 'b'], 'a', { pads: [1, 1, 1, 1] });
  const read = between(g, 'a');
  const next = randomFloats(5 * CHANNELS, 2).map((w, i) => w / (sizes[i % CHANNELS] as number));
  g.constant('w2', [5, CHANNELS, 1, 1], next);
  g.node('Conv', [read, 'w2'], 'y');
  g.output('y');
  return g;
}

const run = (model: Model, form: Partial<FoldedForm> = {}) =>
  equalize.run(model, { ...foldContext, form: { ...defaultForm, ...form } });

async function keepsOutputs(model: Model, changes: number, form: Partial<FoldedForm> = {}) {
  const feed = randomFeed('x', X, 3);
  const before = await runIn('disabled', model, feed);
  expect(await run(model, form)).toBe(changes);
  expectSameOutputs(await runIn('disabled', model, feed), before);
}

/** Largest |w| of each row of a weight of so many rows. */
function peaks(model: Model, name: string, rows: number): number[] {
  const tensor = model.graph.initializers.get(name) ?? expect.fail(name);
  const values = floatsOf(tensor);
  return Array.from({ length: rows }, (_, row) =>
    values
      .subarray((row * values.length) / rows, ((row + 1) * values.length) / rows)
      .reduce((most, w) => Math.max(most, Math.abs(w)), 0),
  );
}

const spread = (values: readonly number[]) => Math.max(...values) / Math.min(...values);

describe('channels over three decades are equalized, and the outputs stay', () => {
  test.each<[string, ((g: GraphBuilder, value: string) => string)?]>([
    ['through Relu'],
    [
      'through LeakyRelu and MaxPool',
      (g, a) => g.node('MaxPool', [g.node('LeakyRelu', [a], 'l')], 'p', { kernel_shape: [2, 2] }),
    ],
    ['through AveragePool', (g, a) => g.node('AveragePool', [a], 'p', { kernel_shape: [2, 2] })],
    ['through nothing', (_, a) => a],
  ])('%s', async (_, between) => {
    const model = unequal(decades, between).build();
    expect(spread(peaks(model, 'w', CHANNELS))).toBeGreaterThan(500);
    await keepsOutputs(model, 1);
    expect(spread(peaks(model, 'w', CHANNELS))).toBeLessThan(20);
  });

  test('through a Flatten, whose places share the factor of their channel', async () => {
    const g = unequal(decades, (b, a) => {
      b.node('Flatten', [b.node('Relu', [a], 'r')], 'f');
      return a;
    });
    g.graph.nodes.pop();
    g.graph.initializers.delete('w2');
    g.constant(
      'w3',
      [CHANNELS * 36, 4],
      randomFloats(CHANNELS * 36 * 4, 5).map((w, i) => w / (decades[Math.floor(i / (36 * 4))] as number)),
    );
    g.node('Gemm', ['f', 'w3'], 'y');
    const model = g.build();
    await keepsOutputs(model, 1);
    expect(spread(peaks(model, 'w', CHANNELS))).toBeLessThan(20);
  });

  test('with two layers that read one weight, which is scaled once', async () => {
    const g = unequal(decades);
    g.node('Conv', ['r', 'w2'], 'z');
    g.output('z');
    await keepsOutputs(g.build(), 1);
  });

  test('what a BatchNormalization told is divided as the channels are', async () => {
    const model = unequal(decades).build();
    const moments = { beta: new Float32Array(CHANNELS), gamma: Float32Array.from(decades) };
    model.batchNorms.set('a', moments);
    await keepsOutputs(model, 1);
    expect(spread([...(model.batchNorms.get('a')?.gamma ?? [])])).toBeLessThan(20);
  });

  test('dead channels keep their factor of 1: no NaN', async () => {
    const sizes = Float64Array.from(decades);
    const g = unequal(sizes);
    const w = floatsOf(g.graph.initializers.get('w') ?? expect.fail());
    w.fill(0, 0, 27);
    g.constant('w', [CHANNELS, 3, 3, 3], w);
    g.constant('b', [CHANNELS], new Float32Array(CHANNELS));
    const model = g.build();
    await keepsOutputs(model, 1);
    expect(floatsOf(model.graph.initializers.get('w2') ?? expect.fail()).every(Number.isFinite)).toBe(true);
  });
});

describe('leaves alone', () => {
  const leaves = async (g: GraphBuilder, form: Partial<FoldedForm> = {}) => {
    const model = g.build();
    const before = ['w', 'w2'].map((name) => model.graph.initializers.get(name));
    expect(await run(model, form)).toBe(0);
    expect(['w', 'w2'].map((name) => model.graph.initializers.get(name))).toEqual(before);
  };

  test('channels of like sizes, by itself; and asked for, what no prediction likes', async () => {
    await leaves(unequal(new Float64Array(CHANNELS).fill(1)));
  });

  test('everything, where it is off', () => leaves(unequal(decades), { equalize: 'off' }));

  test.each<[string, (g: GraphBuilder) => void]>([
    ['channels that are an output', (g) => g.output('r')],
    [
      'channels that something else reads',
      (g) => {
        g.node('Sigmoid', ['r'], 'z');
        g.output('z');
      },
    ],
    [
      'a weight that another layer reads',
      (g) => {
        g.node('Conv', ['x', 'w'], 'z');
        g.output('z');
      },
    ],
    ['a bias that is fed', (g) => g.graph.initializers.delete('b') && g.input('b', [CHANNELS])],
  ])('%s', async (_, change) => {
    const g = unequal(decades);
    change(g);
    await leaves(g);
  });

  test('a Clip between them, whose bounds are one for all channels', async () => {
    await leaves(
      unequal(decades, (g, a) =>
        g.node('Clip', [a, g.constant('low', [], [0]), g.constant('high', [], [6])], 'r'),
      ),
    );
  });
});
