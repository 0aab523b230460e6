import { expect, test } from 'vitest';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { reportedPlan } from '../../src/emit/emit-plan.js';
import {
  activationLevels,
  weightDistributions,
  worstDistributions,
} from '../../src/evaluate/distribution.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { channelAlong, type Feed } from '../../src/numerics/nd-array.js';
import { observedValues, weightedNode } from '../../src/place/placement.js';
import { integerWeight } from '../../src/quantize/plan.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { between } from '../support/nets.js';
import { type QuantizedModel, quantizeModel, sourceOf } from '../support/quantize-model.js';

const drift = {
  cosine: 1,
  maxAbsError: 0,
  relativeL2: 0,
  topOneAgreement: null,
  topFiveAgreement: null,
  nonFiniteMismatches: 0,
  shapeMismatches: 0,
  samples: 1,
};

/** The distributions of all layers, the SQNR of each as told; those not named are exact. */
async function distributionsOf(quantized: QuantizedModel, sqnr: Readonly<Record<string, number>>) {
  const { plan, placement, float, feeds } = quantized;
  const statistics = await calibrate(float, observedValues(placement), sourceOf(feeds));
  const layers = placement.weighted.map(({ node }) => ({
    id: node.id,
    matchedBy: 'plan' as const,
    floatTensor: node.id,
    quantizedTensor: node.id,
    drift: { ...drift, sqnrDb: sqnr[node.id] ?? null },
  }));
  const reported = reportedPlan(plan, float);
  return worstDistributions(layers, weightDistributions(plan), reported, statistics);
}

/** x [1, 4] → MatMul with two output channels: (1, −1, 0, 0) is exact in steps of 1, (1, 0.4, 0, 0) is not. */
function smallNet(recipe: GivenRecipe): Promise<QuantizedModel> {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  g.constant('w', [4, 2], [1, 1, -1, 0.4, 0, 0, 0, 0]);
  g.node('MatMul', ['x', 'w'], 'y');
  g.output('y', [1, 2]);
  const feed = (...values: number[]): Feed => ({
    x: { type: 'float32', dims: [1, 4], data: Float32Array.from(values) },
  });
  return quantizeModel(g.build(), { bits: 2, allLayers: true, activations: { bits: 2 }, ...recipe }, [
    feed(0, 0, 0, 3),
    feed(1.5, 0, 2.9, 0),
  ]);
}

test('the channel with the largest error, its bins and its levels, by hand', async () => {
  const [weight, input] = await distributionsOf(await smallNet({}), { y: 10 });
  expect(weight).toMatchObject({ id: 'y', kind: 'weight', tensor: 'w', channel: 1 });
  // Two bits, step 1: codes −2 to 1. 64 bins over [−2, 1]: 0 is in bin ⌊2·64/3⌋, 0.4 in ⌊2.4·64/3⌋, 1 in the last.
  expect(weight?.levels).toEqual([-2, -1, 0, 1]);
  expect(weight?.edges.length).toBe(65);
  expect([weight?.edges[0], weight?.edges[64]]).toEqual([-2, 1]);
  const filled = weight?.counts.flatMap((count, bin) => (count > 0 ? [[bin, count]] : []));
  expect(filled).toEqual([
    [42, 2],
    [51, 1],
    [63, 1],
  ]);
  // Inputs over [0, 3], step 1: five zeros, and 1.5, 2.9 and 3 within 1 % of their places.
  expect(input).toMatchObject({ id: 'y', kind: 'input', tensor: 'x', channel: null, levels: [0, 1, 2, 3] });
  const countOf = (low: number, high: number) =>
    input?.counts.reduce(
      (sum, count, i) =>
        sum + ((input.edges[i] ?? 0) >= low && (input.edges[i + 1] ?? 0) <= high ? count : 0),
      0,
    );
  expect(countOf(0, 0.1)).toBe(5);
  expect(countOf(1.4, 1.6)).toBeCloseTo(1, 10);
  expect(countOf(2.8, 3.001)).toBeCloseTo(2, 10);
});

test('one scale for the tensor: all of its elements', async () => {
  const [weight] = await distributionsOf(await smallNet({ granularity: 'tensor' }), { y: 10 });
  expect(weight?.channel).toBeNull();
  expect(weight?.counts.reduce((sum, count) => sum + count, 0)).toBe(8);
});

test('the four worst layers alone, the worst first; a layer without error is not among them', async () => {
  const g = new GraphBuilder();
  g.input('v0', [1, 2]);
  for (let i = 1; i <= 6; i++) {
    g.constant(`w${i}`, [2, 2], [1, 2, 3, 4]);
    g.node('MatMul', [`v${i - 1}`, `w${i}`], `v${i}`);
  }
  g.output('v6', [1, 2]);
  const quantized = await quantizeModel(g.build());
  const found = await distributionsOf(quantized, { v1: 30, v2: 10, v3: 20, v4: 40, v5: 15 });
  expect([...new Set(found.map(({ id }) => id))]).toEqual(['v2', 'v5', 'v3', 'v1']);
});

test.each<[string, GivenRecipe]>([
  ['uniform, a channel', { bits: 3 }],
  ['8 bits in a reduced range', { bits: 8, reduceRange: true }],
  ['a codebook a channel', { scheme: 'kmeans', bits: 3 }],
  ['a codebook for two channels', { scheme: 'kmeans', bits: 2, group: 2 }],
  ['logarithmic, one scale', { scheme: 'log', bits: 4, granularity: 'tensor' }],
  ['activations of few levels', { bits: 4, activations: { bits: 4, levels: 'log' } }],
])('what a weight becomes is among its levels, and every element is counted: %s', async (_, recipe) => {
  const model = between((net, value) => net.conv(net.node('Relu', [value], 'r'), 'middle'));
  const quantized = await quantizeModel(model, { allLayers: true, ...recipe });
  const { plan, placement } = quantized;
  const found = await distributionsOf(quantized, { before: 9, middle: 10, y: 11 });
  expect(found.filter(({ kind }) => kind === 'weight').map(({ id }) => id)).toEqual([
    'before',
    'middle',
    'y',
  ]);
  expect(found.filter(({ kind }) => kind === 'input').length).toBe(3);
  for (const { id, kind, tensor, channel, counts, edges, levels } of found) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    expect(levels).toEqual([...new Set(levels)].sort((a, b) => a - b));
    expect(levels.length).toBeLessThanOrEqual(256);
    expect(edges).toEqual([...edges].sort((a, b) => a - b));
    expect(edges[0]).toBeLessThanOrEqual(levels[0] ?? 0);
    expect(edges.at(-1)).toBeGreaterThanOrEqual(levels.at(-1) ?? 0);
    if (kind === 'input') {
      // Three samples of [4, 8, 8].
      expect(total).toBeCloseTo(3 * 256, 6);
      const quantizer = plan.activations.get(tensor)?.quantizer;
      expect(levels).toEqual(quantizer && activationLevels(quantizer));
      continue;
    }
    const layer = weightedNode(placement, id);
    if (!layer) throw new Error(`${id} is in the plan`);
    const weight = integerWeight(plan, layer.sites[0]);
    const channelOf = channelAlong(weight.dims, weight.axis);
    const isShown = (_value: number, i: number) => channel === null || channelOf(i) === channel;
    const stored = dequantizeTensor(weight).filter(isShown);
    expect(total).toBe(stored.length);
    expect([...stored].filter((value) => !levels.includes(value))).toEqual([]);
    // No other channel loses more.
    const values = floatsOf(layer.sites[0].weight);
    const errors = new Map<number, number>();
    dequantizeTensor(weight).forEach((value, i) => {
      const error = ((values[i] ?? 0) - value) ** 2;
      errors.set(channelOf(i), (errors.get(channelOf(i)) ?? 0) + error);
    });
    expect(errors.get(channel ?? 0)).toBeCloseTo(Math.max(...errors.values()), 10);
  }
  expect(placement.weighted.length).toBe(3);
});

test('activations in float: weights alone', async () => {
  const found = await distributionsOf(await smallNet({ activations: { kind: 'float' } }), { y: 10 });
  expect(found.map(({ kind }) => kind)).toEqual(['weight']);
});

test('blocks with levels of their own: the one with the largest error', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 48]);
  // Output 1, inputs 16 to 31: thirds in steps of 1 lose most; all else is whole.
  const weights = Array.from({ length: 48 * 2 }, (_, i) => {
    const [input, output] = [Math.floor(i / 2), i % 2];
    const whole = (input % 15) - 7;
    return output === 1 && input >= 16 && input < 32 ? whole - (whole > -7 && whole < 7 ? 1 / 3 : 0) : whole;
  });
  g.constant('w', [48, 2], weights);
  g.node('MatMul', ['x', 'w'], 'y');
  g.output('y', [1, 2]);
  const blocks = { size: 16, asymmetric: true, accuracyLevel: 0 };
  const recipe = {
    format: 'matmulnbits',
    bits: 4,
    allLayers: true,
    blocks,
    activations: { kind: 'float' },
  } as const;
  const [weight] = await distributionsOf(await quantizeModel(g.build(), recipe), { y: 10 });
  expect(weight).toMatchObject({ tensor: 'w', channel: 1, block: 1 });
  expect(weight?.counts.reduce((sum, count) => sum + count, 0)).toBe(16);
  expect(weight?.levels.length).toBe(16);
});
