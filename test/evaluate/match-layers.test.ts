import { describe, expect, it } from 'vitest';
import { compareLayers } from '../../src/evaluate/compare-layers.js';
import { type MatchedLayer, matchLayers } from '../../src/evaluate/match-layers.js';
import { isOp, type Model } from '../../src/graph/model.js';
import type { ArrayType } from '../../src/numerics/nd-array.js';
import { floatNet, halfNet, operatorNet, qdqNet, renamed, spoiled } from '../support/foreign-models.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf } from '../support/quantize-model.js';

const feeds = [1, 2, 3].map((seed) => randomFeed('x', [1, 2, 6, 6], seed));

async function driftsOf(quantized: Model, inputTypes = new Map<string, ArrayType>()) {
  const float = floatNet();
  const { model, pairs } = matchLayers(float, quantized);
  const adapter = { inputTypes };
  const drifts = await compareLayers(
    sourceOf(feeds),
    { float, quantized: model, pairs },
    { machine: { threads: 1 }, adapter },
  );
  return drifts.map(({ id, matchedBy, floatTensor, quantizedTensor, drift }) => ({
    facts: [id, matchedBy, floatTensor, quantizedTensor],
    sqnrDb: drift.sqnrDb ?? Number.POSITIVE_INFINITY,
  }));
}

describe('layers of a model that another tool wrote', () => {
  // 8 bits leave some 30 dB; a value before the Relu or the BatchNormalization against one behind it, below 10.
  it.each<[string, () => Model, string[][]]>([
    [
      'QDQ, by the names that were kept',
      qdqNet,
      [
        ['c', 'name', 'r', 'r_QuantizeLinear_Output'],
        ['y', 'name', 'y', 'y'],
      ],
    ],
    [
      'integer operators, by the names that were made',
      operatorNet,
      [
        ['c', 'name', 'r', 'b_quantized'],
        ['y', 'name', 'y', 'y'],
      ],
    ],
    [
      'QDQ, by order',
      () => renamed(qdqNet()),
      [
        ['c', 'order', 'r', 'v5'],
        ['y', 'order', 'y', 'v9'],
      ],
    ],
    [
      'integer operators, by order',
      () => renamed(operatorNet()),
      [
        ['c', 'order', 'r', 'v1'],
        ['y', 'order', 'y', 'v2'],
      ],
    ],
  ])('%s', async (_, make, expected) => {
    const drifts = await driftsOf(make());
    expect(drifts.map(({ facts }) => facts)).toEqual(expected);
    for (const { sqnrDb } of drifts) {
      expect(sqnrDb).toBeGreaterThan(25);
      expect(sqnrDb).toBeLessThan(60);
    }
  });

  it.each([
    ['by name', halfNet, 'name'],
    ['by order', () => renamed(halfNet()), 'order'],
  ])('float16, every operator still there, %s', async (_, make, matchedBy) => {
    const drifts = await driftsOf(make(), new Map([['x', 'float16']]));
    expect(drifts.map(({ facts }) => facts.slice(0, 3))).toEqual([
      ['c', matchedBy, 'c'],
      ['y', matchedBy, 'y'],
    ]);
    // Steps of 2^−11: some 66 dB.
    for (const { sqnrDb } of drifts) {
      expect(sqnrDb).toBeGreaterThan(50);
      expect(sqnrDb).toBeLessThan(90);
    }
  });

  it('shows the layer that went wrong', async () => {
    const [first, second] = await driftsOf(spoiled(operatorNet(), 'y_weight_quantized', 3));
    expect(first?.sqnrDb).toBeGreaterThan(25);
    expect(second?.sqnrDb).toBeLessThan(5);
  });

  it('the same graph under the same names loses nothing', async () => {
    for (const { sqnrDb } of await driftsOf(floatNet())) expect(sqnrDb).toBe(Number.POSITIVE_INFINITY);
  });

  it('leaves both models as they are', () => {
    const [float, quantized] = [floatNet(), operatorNet()];
    const counts = [float, quantized].map(({ graph }) => graph.nodes.length);
    matchLayers(float, quantized);
    expect([float, quantized].map(({ graph }) => graph.nodes.length)).toEqual(counts);
  });
});

describe('what is not matched', () => {
  const chain = (ops: string[], prefix: string): Model => {
    const net = new Net();
    net.input('x', [4, 4]);
    let value = 'x';
    ops.forEach((op, i) => {
      const output = `${prefix}${i}`;
      value = op === 'MatMul' ? net.matMul(value, output, 4, 4) : net.gemm(value, output, 4, 4);
    });
    return finish(net, value);
  };
  const pairsOf = (float: Model, quantized: Model): (readonly MatchedLayer[])[] => [
    matchLayers(float, quantized).pairs,
  ];

  it('is every layer by order, where their number differs', () => {
    expect(pairsOf(chain(['Gemm', 'Gemm'], 'a'), chain(['Gemm'], 'b'))).toEqual([[]]);
  });

  it('is every layer by order, where their kinds differ; a Gemm and a MatMul are one kind', () => {
    const [pairs] = pairsOf(chain(['Gemm', 'MatMul'], 'a'), chain(['MatMul', 'Gemm'], 'b'));
    expect(pairs?.map(({ id, tensor }) => [id, tensor])).toEqual([
      ['a0', 'b0'],
      ['a1', 'b1'],
    ]);
    const net = new GraphBuilder();
    net.input('x', [1, 1, 4, 4]);
    net.constant('w', [1, 1, 1, 1], [1]);
    net.output(net.node('Conv', ['x', 'w'], 'b0'));
    expect(pairsOf(chain(['Gemm'], 'a'), net.build())).toEqual([[]]);
  });

  it('is a value of the same name that means something else, as where a BatchNormalization was folded', () => {
    const float = floatNet();
    const folded = floatNet();
    const { graph } = folded;
    graph.nodes = graph.nodes.filter((node) => !isOp(node, 'BatchNormalization'));
    for (const node of graph.nodes) node.inputs = node.inputs.map((name) => (name === 'b' ? 'c' : name));
    // "c" of the second model feeds its Relu: it stands for "b" of the first.
    const [pair] = matchLayers(float, folded).pairs;
    expect([pair?.floatValue, pair?.quantizedValue]).toEqual(['b', 'c']);
  });
});
