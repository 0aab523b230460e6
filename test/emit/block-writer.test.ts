import { describe, expect, it } from 'vitest';
import { raisedFor } from '../../src/emit/raise-opset.js';
import { packLowFirst } from '../../src/emit/weights/blocks.js';
import type { Model } from '../../src/graph/model.js';
import { floatTensor } from '../../src/graph/tensor.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import type { GivenRecipe, Recipe } from '../../src/recipe.js';
import { describePlan } from '../../src/report/describe-plan.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

interface Layer {
  readonly name: string;
  readonly dims: readonly number[];
  readonly weight: readonly number[];
  build(g: GraphBuilder): void;
}

const layers: readonly Layer[] = [
  {
    name: 'MatMul of three axes',
    dims: [2, 3, 64],
    weight: [64, 5],
    build: (g) => g.node('MatMul', ['x', 'w'], 'y'),
  },
  {
    name: 'MatMul on one row, the last block cut',
    dims: [40],
    weight: [40, 6],
    build: (g) => g.node('MatMul', ['x', 'w'], 'y'),
  },
  {
    name: 'Gemm with a bias, its weight across, an odd number of blocks',
    dims: [3, 70],
    weight: [4, 70],
    build: (g) => {
      g.constant('b', [4], randomFloats(4, 5));
      g.node('Gemm', ['x', 'w', 'b'], 'y', { transB: 1 });
    },
  },
  {
    name: 'Gemm without a bias',
    dims: [3, 16],
    weight: [16, 7],
    build: (g) => g.node('Gemm', ['x', 'w'], 'y'),
  },
];

function modelOf({ dims, weight, build }: Layer): Model {
  const g = new GraphBuilder();
  g.input('x', dims);
  g.constant('w', weight, randomFloats((weight[0] as number) * (weight[1] as number), 2));
  build(g);
  g.output('y');
  return g.build();
}

const blockRecipe = (
  blocks: Partial<Recipe['blocks']>,
  more: GivenRecipe = {},
  format: Recipe['format'] = 'matmulnbits',
): GivenRecipe => ({
  format,
  bits: 4,
  allLayers: true,
  blocks: { size: 32, asymmetric: false, accuracyLevel: 0, ...blocks },
  ...more,
  activations: { kind: 'float' },
});

describe.each(layers)('$name', (layer) => {
  it.each([
    [4, 32, false, 'minmax'],
    [4, 16, true, 'minmax'],
    [4, 128, true, 'mse'],
    [8, 32, false, 'mse'],
    [8, 64, true, 'minmax'],
    [2, 16, false, 'mse'],
    [2, 32, true, 'minmax'],
  ] as const)(
    '%i bits in blocks of %i, asymmetric %s, %s: what the weight of the plan gives',
    async (bits, size, asymmetric, scheme) => {
      const recipe = blockRecipe({ size, asymmetric }, { bits, scheme });
      const { bytes, emitted, plan, float } = await quantizeModel(modelOf(layer), recipe, []);
      expect(emitted.model.opsets.get('com.microsoft')).toBe(1);
      expect(float.opsets.has('com.microsoft')).toBe(false);
      expect(opsOf(await optimizedGraph(bytes))).toContain('MatMulNBits');
      expect(emitted.model.graph.initializers.has('w')).toBe(false);

      const [planned] = [...plan.weights.values()];
      if (!planned) throw new Error('there is no layer');
      const weight = floatTensor('float32', layer.weight, dequantizeTensor(planned));
      const initializers = new Map([...float.graph.initializers, ['w', weight]]);
      const reference = { ...float, graph: { ...float.graph, initializers } };
      const feed = randomFeed('x', layer.dims, 7);
      const expected = (await runIn('disabled', reference, feed)).get('y');
      for (const mode of ['disabled', 'exact', 'default'] as const) {
        const found = (await runIn(mode, bytes, feed)).get('y');
        expect(found?.dims).toEqual(expected?.dims);
        Array.from(found?.data ?? [], Number).forEach((value, i) => {
          // Sums of up to 70 products below 1: some float32 roundings.
          expect(Math.abs(value - Number(expected?.data[i]))).toBeLessThan(2e-5);
        });
      }
    },
  );
});

describe.each(layers)('$name by DequantizeLinear', (layer) => {
  it.each([
    [4, 32, false, 'int4'],
    [4, 16, true, 'uint4'],
    [8, 32, false, 'int8'],
    [8, 16, true, 'uint8'],
  ] as const)('%i bits in blocks of %i, asymmetric %s: %s', async (bits, size, asymmetric, type) => {
    const recipe = blockRecipe({ size, asymmetric }, { bits, scheme: 'mse' }, 'qdq-blocks');
    const { emitted, plan, float } = await quantizeModel(modelOf(layer), recipe, []);
    const written = raisedFor(emitted.model, plan.recipe, '');
    const [dequantize] = written.graph.nodes;
    expect([written.opsets.get(''), dequantize?.opType]).toEqual([21, 'DequantizeLinear']);
    expect(written.graph.initializers.get(dequantize?.inputs[0] ?? '')?.dataType).toBe(type);
    expect(dequantize?.inputs).toHaveLength(asymmetric ? 3 : 2);

    const [planned] = [...plan.weights.values()];
    if (!planned) throw new Error('there is no layer');
    const weight = floatTensor('float32', layer.weight, dequantizeTensor(planned));
    const initializers = new Map([...float.graph.initializers, ['w', weight]]);
    const feed = randomFeed('x', layer.dims, 7);
    const reference = { ...float, graph: { ...float.graph, initializers } };
    const expected = (await runIn('disabled', reference, feed)).get('y');
    for (const mode of ['disabled', 'exact', 'default'] as const) {
      const found = (await runIn(mode, written, feed)).get('y');
      expect(found?.dims).toEqual(expected?.dims);
      // A default session makes MatMulNBits of it, which quantizes the input to 8 bits.
      const most = mode === 'default' ? 0.05 : 2e-5;
      Array.from(found?.data ?? [], Number).forEach((value, i) => {
        expect(Math.abs(value - Number(expected?.data[i]))).toBeLessThan(most);
      });
    }
  });
});

it('each weight alone: a unit input reads the stored weight, bit for bit', async () => {
  const g = new GraphBuilder();
  g.input('x', [40, 40]);
  g.constant('w', [40, 6], randomFloats(240, 3));
  g.node('MatMul', ['x', 'w'], 'y');
  g.output('y');
  const identity = new Float32Array(1600);
  for (let i = 0; i < 40; i++) identity[41 * i] = 1;
  const feed = { x: { type: 'float32' as const, dims: [40, 40], data: identity } };
  for (const bits of [2, 4, 8]) {
    for (const asymmetric of [false, true]) {
      const recipe = blockRecipe({ size: 16, asymmetric }, { bits });
      const { bytes, plan } = await quantizeModel(g.build(), recipe, []);
      const [planned] = [...plan.weights.values()];
      const found = (await runIn('default', bytes, feed)).get('y')?.data;
      // Sums begin at +0, which the adding of −0 leaves.
      const stored = planned && dequantizeTensor(planned).map((value) => value + 0);
      expect(found).toEqual(stored);
    }
  }
});

it('the accuracy level is written, and 4 computes in int8', async () => {
  const model = modelOf(layers[0] as Layer);
  const feed = randomFeed('x', [2, 3, 64], 7);
  const outputs = [];
  for (const accuracyLevel of [0, 4]) {
    const { bytes, emitted } = await quantizeModel(model, blockRecipe({ accuracyLevel }), []);
    const [node] = emitted.model.graph.nodes;
    expect(node?.attributes.get('accuracy_level')).toMatchObject({
      kind: 'int',
      value: BigInt(accuracyLevel),
    });
    outputs.push((await runIn('default', bytes, feed)).get('y')?.data as Float32Array);
  }
  const [float, integer] = outputs as [Float32Array, Float32Array];
  const difference = float.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (integer[i] as number))),
    0,
  );
  expect(difference).toBeGreaterThan(1e-5);
  expect(difference).toBeLessThan(0.1);
});

it('packs the first number into the lowest bits, and begins every row with a new byte', () => {
  expect([...packLowFirst(Uint8Array.of(1, 2, 3, 4, 5, 6), 4, 3)]).toEqual([0x21, 0x03, 0x54, 0x06]);
  expect([...packLowFirst(Uint8Array.of(1, 255), 8, 2)]).toEqual([1, 255]);
});

it('what the operator cannot take is packed, and the plan says why', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 6, 6]);
  g.constant('c', [4, 2, 3, 3], randomFloats(72, 1));
  g.node('Conv', ['x', 'c'], 'conv');
  g.node('Flatten', ['conv'], 'flat');
  g.constant('w', [64, 8], randomFloats(512, 2));
  g.node('MatMul', ['flat', 'w'], 'm');
  g.constant('v', [8, 4], randomFloats(32, 3));
  g.node('Gemm', ['m', 'v'], 'k');
  g.constant('u', [4, 4], randomFloats(16, 3));
  g.node('Gemm', ['k', 'u'], 'y');
  g.output('y', [1, 4]);
  const rules = [
    { pattern: 'k', scheme: 'kmeans' },
    { pattern: 'y', bits: 3 },
  ];
  const { float, placement, plan } = await quantizeModel(g.build(), blockRecipe({}, { rules }), []);
  const how = placement.weighted.map(({ node, runs }) => [node.id, runs.kind === 'float' && runs.stored]);
  expect(how).toEqual([
    ['conv', 'constant'],
    ['m', 'blocks'],
    ['k', 'constant'],
    ['y', 'constant'],
  ]);
  const described = describePlan(float.graph, placement, plan.recipe).layers;
  expect(described.map(({ quantized }) => [quantized?.granularity, quantized?.note])).toEqual([
    ['channel', 'packed: no Conv has blocks'],
    ['block of 32', null],
    ['channel', 'packed: blocks hold no kmeans levels'],
    ['channel', 'packed: blocks hold no 3 bits'],
  ]);
});

it('layers that share a weight have it once', async () => {
  const g = new GraphBuilder();
  g.input('x', [3, 16]);
  g.constant('w', [16, 16], randomFloats(256, 2));
  g.node('MatMul', ['x', 'w'], 'a');
  g.node('MatMul', ['a', 'w'], 'y');
  g.output('y', [3, 16]);
  const { emitted } = await quantizeModel(g.build(), blockRecipe({ asymmetric: true }), []);
  expect([...emitted.model.graph.initializers.keys()].sort()).toEqual(['w_q', 'w_s', 'w_z']);
});
