import { describe, expect, it } from 'vitest';
import { compareLayers } from '../../src/evaluate/compare-layers.js';
import { layerPairs } from '../../src/evaluate/layer-pairs.js';
import type { Model } from '../../src/graph/model.js';
import { elementCount, type Feed } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { randomFloats } from '../support/graph-builder.js';
import { between, finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';

const machine = { threads: 1 };

async function layerDrift(float: Model, recipe: GivenRecipe = {}): Promise<Record<string, number>> {
  const { placement, emitted, feeds, bytes } = await quantizeModel(float, recipe);
  const { model, pairs } = layerPairs(placement, emitted);
  expect(Buffer.compare(encodeModel(emitted.model), bytes)).toBe(0);
  const drifts = await compareLayers(sourceOf(feeds), { float, quantized: model, pairs }, { machine });
  return Object.fromEntries(drifts.map(({ id, drift }) => [id, drift.sqnrDb ?? Infinity]));
}

describe('drift of each layer', () => {
  // 8 bits over a range of a few deviations: some 40 dB. A value with another meaning would be below 10.
  it.each([
    ['before a Relu that is fused', (net: Net, v: string) => net.node('Relu', [v], 'o')],
    [
      'before a Relu and a MaxPool, so that no DQ of it is in the graph',
      (net: Net, v: string) =>
        net.node('MaxPool', [net.node('Relu', [v], 'r')], 'o', { kernel_shape: [2, 2] }),
    ],
    ['before a Clip', (net: Net, v: string) => net.clip(v, 'o', -0.3, 0.3)],
    [
      'that is an output',
      (net: Net, v: string) => {
        net.output(v);
        return net.node('Relu', [v], 'o');
      },
    ],
    ['before floats', (net: Net, v: string) => net.node('Tanh', [v], 'o')],
  ])('is that of its result %s', async (_, middle) => {
    const drift = await layerDrift(between(middle));
    expect(Object.keys(drift)).toEqual(['before', 'y']);
    for (const decibels of Object.values(drift)) {
      expect(decibels).toBeGreaterThan(30);
      expect(decibels).toBeLessThan(60);
    }
  });

  it('of a Gemm that writes float, and of a MatMul with its bias', async () => {
    const net = new Net();
    net.input('x', [2, 8]);
    net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', [8])], 's');
    const drift = await layerDrift(finish(net, net.gemm(net.node('Relu', ['s'], 'r'), 'y', 8, 3)));
    expect(Object.keys(drift)).toEqual(['m', 'y']);
    for (const decibels of Object.values(drift)) expect(decibels).toBeGreaterThan(30);
  });

  it('finds the layer that a rule spoils', async () => {
    const model = between((net, v) => net.conv(net.conv(v, 'a'), 'b'));
    const drift = await layerDrift(model, { rules: [{ pattern: 'a', bits: 2 }] });
    expect(drift.before).toBeGreaterThan(30);
    expect(drift.a).toBeLessThan(15);
  });

  it('of weights only', async () => {
    const drift = await layerDrift(
      between((net, v) => net.conv(v, 'a')),
      { bits: 4, activations: { kind: 'float' } },
    );
    expect(drift.before).toBeGreaterThan(drift.a as number);
    expect(drift.a).toBeGreaterThan(10);
  });

  // 9·128·128·128·128 = 2.4e9 multiplications a sample, of which 3e10 are twelve.
  it.each([
    ['all of the first 32 of a small model', [1, 4, 8, 8], 4, 32],
    ['twelve of a large one', [1, 128, 128, 128], 128, 12],
  ] as const)('is measured on %s', async (_, dims, channels, samples) => {
    const net = new Net();
    net.input('x', dims);
    const model = finish(net, net.conv('x', 'y', channels, channels));
    const { placement, emitted, feeds } = await quantizeModel(model, { allLayers: true }, [feedOf(dims)]);
    const { model: whole, pairs } = layerPairs(placement, emitted);
    const source = sourceOf(Array.from({ length: 40 }, () => feeds[0] as Feed));
    let opened = 0;
    const counting = {
      ...source,
      async *open() {
        for await (const batch of source.open()) {
          opened++;
          yield batch;
        }
      },
    };
    const layers = { float: model, quantized: whole, pairs };
    const [drift] = await compareLayers(counting, layers, { machine });
    expect(opened).toBe(samples);
    expect(drift?.drift.sqnrDb).toBeGreaterThan(30);
    // One of the two loaded at a time, float runs no more of them.
    opened = 0;
    const inTurn = await compareLayers(counting, layers, { machine, inTurn: true });
    expect(opened).toBe(2 * samples);
    expect(inTurn).toEqual([drift]);
    // So it is for a model of many constants, unless too much would go through a file.
    const bytes = samples * elementCount(dims) * Float32Array.BYTES_PER_ELEMENT;
    for (const [recordedBytes, batches] of [
      [bytes, 2 * samples],
      [bytes - 1, 1 + samples],
    ] as const) {
      opened = 0;
      const limits = { togetherBytes: 0, recordedBytes };
      expect(await compareLayers(counting, layers, { machine, limits })).toEqual([drift]);
      expect(opened).toBe(batches);
    }
  });
});

const feedOf = (dims: readonly number[]): Feed => ({
  x: { type: 'float32', dims, data: randomFloats(elementCount(dims), 3) },
});
