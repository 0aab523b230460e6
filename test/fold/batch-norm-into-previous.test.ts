import { describe, expect, test } from 'vitest';
import { batchNormIntoPrevious } from '../../src/fold/batch-norm-into-previous.js';
import { attribute, type Model } from '../../src/graph/model.js';
import { arrayOf } from '../../src/graph/tensor.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { batchNormInputs, foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

interface Layer {
  opType: string;
  x: number[];
  w: number[];
  /** Shape of the bias; none without it. */
  b?: number[];
  channels: number;
  attributes?: Parameters<GraphBuilder['node']>[3];
}

/** x → layer "a" → BatchNormalization → y. */
function layerAndNorm({ opType, x, w, b, channels, attributes }: Layer): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', x);
  g.constant('w', w, randomFloats(elementCount(w), 1));
  const bias = b ? [g.constant('b', b, randomFloats(elementCount(b), 2, -3, 3))] : [];
  g.node(opType, ['x', 'w', ...bias], 'a', attributes);
  g.node('BatchNormalization', batchNormInputs(g, 'a', channels), 'y', { epsilon: attribute.float(0.01) });
  g.output('y');
  return g;
}

const conv: Layer = { opType: 'Conv', x: [2, 3, 6, 6], w: [4, 3, 3, 3], channels: 4 };
const gemm: Layer = { opType: 'Gemm', x: [3, 4], w: [4, 5], channels: 5 };
const factors = { alpha: attribute.float(0.5), beta: attribute.float(-1.5) };

/** x → MatMul "product" → what `finish` adds → BatchNormalization → y. */
function matMulAndNorm(finish: (g: GraphBuilder) => string, x = [3, 4]): Model {
  const g = new GraphBuilder();
  g.input('x', x);
  g.constant('w', [4, 5], randomFloats(20, 1));
  g.node('MatMul', ['x', 'w'], 'product');
  g.node('BatchNormalization', batchNormInputs(g, finish(g), 5), 'y');
  g.output('y');
  return g.build();
}

const addBias = (g: GraphBuilder, inputs = ['product', 'bias'], dims = [5]): string => {
  g.constant('bias', dims, randomFloats(elementCount(dims), 8));
  return g.node('Add', inputs, 'sum');
};

describe('folds into', () => {
  test.each<[string, Layer]>([
    ['Conv', conv],
    ['Conv with bias and padding', { ...conv, b: [4], attributes: { pads: [1, 1, 1, 1], strides: [2, 2] } }],
    ['grouped Conv', { ...conv, x: [1, 4, 5, 5], w: [6, 2, 3, 3], channels: 6, attributes: { group: 2 } }],
    ['depthwise Conv', { ...conv, w: [3, 1, 3, 3], b: [3], channels: 3, attributes: { group: 3 } }],
    ['one-dimensional Conv', { ...conv, x: [2, 3, 9], w: [4, 3, 3] }],
    ['ConvTranspose', { opType: 'ConvTranspose', x: [1, 4, 3, 3], w: [4, 5, 2, 2], b: [5], channels: 5 }],
    [
      'grouped ConvTranspose',
      { opType: 'ConvTranspose', x: [1, 4, 3, 3], w: [4, 3, 2, 2], channels: 6, attributes: { group: 2 } },
    ],
    ['Gemm', gemm],
    ['Gemm with alpha, beta and a vector', { ...gemm, b: [5], attributes: factors }],
    [
      'Gemm with a transposed weight',
      { ...gemm, w: [5, 4], b: [1, 5], attributes: { transB: 1, ...factors } },
    ],
    ['Gemm with a scalar bias', { ...gemm, b: [], attributes: factors }],
    ['Gemm with a bias of one element', { ...gemm, b: [1, 1], attributes: factors }],
    ['Gemm with a bias a row', { ...gemm, b: [3, 1], attributes: factors }],
    ['Gemm with a full bias', { ...gemm, b: [3, 5], attributes: factors }],
    ['square Gemm with a bias a row', { ...gemm, x: [5, 4], b: [5, 1] }],
  ])('%s', async (_, layer) => {
    const g = layerAndNorm(layer);
    const model = g.build();
    expect(await foldWith(batchNormIntoPrevious, model, randomFeed('x', layer.x, 3), [layer.opType])).toBe(1);
    expect(model.graph.nodes[0]).toMatchObject({ id: 'a', outputs: ['y'] });
  });

  test('MatMul, by an Add after it', async () => {
    const model = matMulAndNorm(() => 'product');
    await foldWith(batchNormIntoPrevious, model, randomFeed('x', [3, 4], 3), ['MatMul', 'Add']);
    expect(model.graph.nodes.map(({ id }) => id)).toEqual(['product', 'y']);
  });

  test.each([
    ['a vector', [5], ['product', 'bias']],
    ['a vector on the left', [5], ['bias', 'product']],
    ['one element', [1], ['product', 'bias']],
  ])('MatMul and Add of %s', async (_, dims, inputs) => {
    const model = matMulAndNorm((g) => addBias(g, inputs, dims));
    await foldWith(batchNormIntoPrevious, model, randomFeed('x', [3, 4], 3), ['MatMul', 'Add']);
    expect(model.graph.nodes[1]).toMatchObject({ id: 'sum', outputs: ['y'] });
  });
});

test('γ, β, μ and σ² by hand', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 1, 1]);
  g.constant('w', [1, 1, 1, 1], [2]);
  g.constant('b', [1], [5]);
  g.node('Conv', ['x', 'w', 'b'], 'a');
  const parameters = { gamma: -3, beta: 7, mean: 1, variance: 4 };
  for (const [name, value] of Object.entries(parameters)) g.constant(name, [1], [value]);
  g.node('BatchNormalization', ['a', ...Object.keys(parameters)], 'y', {
    epsilon: attribute.float(0),
  });
  g.output('y');
  const model = g.build();
  await batchNormIntoPrevious.run(model, { evaluate: () => expect.fail() });
  const [, weight, bias] = (model.graph.nodes[0]?.inputs ?? []).map((name) =>
    model.graph.initializers.get(name),
  );
  // W·γ/σ = 2·(−3)/2; (b − μ)·γ/σ + β = 4·(−3)/2 + 7.
  expect([weight, bias].map((tensor) => tensor && arrayOf(tensor).data)).toEqual([
    Float32Array.of(-3),
    Float32Array.of(1),
  ]);
  expect(model.batchNorms).toEqual(new Map([['y', { beta: Float32Array.of(7), gamma: Float32Array.of(3) }]]));
});

describe('what others read is left to them', () => {
  test('a weight and a bias of two layers are copied', async () => {
    const g = layerAndNorm({ ...conv, b: [4] });
    g.node('Conv', ['x', 'w', 'b'], 'z');
    g.output('z');
    await foldWith(batchNormIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv', 'Conv']);
    expect([...g.graph.initializers.keys()]).toEqual(expect.arrayContaining(['w', 'w_2', 'b', 'b_2']));
  });

  test('a weight that a subgraph captures is copied', async () => {
    const g = layerAndNorm(conv);
    boolConstant(g, 'yes', true);
    ifNode(g, 'yes', 'z', 'Neg', ['w']);
    g.output('z');
    await foldWith(batchNormIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv', 'If']);
  });

  test('two BatchNormalizations after one another both fold', async () => {
    const g = layerAndNorm(conv);
    g.graph.outputs = [];
    g.node('BatchNormalization', batchNormInputs(g, 'y', 4, 60), 'last');
    g.output('last');
    expect(await foldWith(batchNormIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv'])).toBe(2);
  });
});

describe('leaves alone', () => {
  const cases: [string, (g: GraphBuilder) => void, Layer?][] = [
    [
      'a layer that another node reads',
      (g) => {
        g.node('Relu', ['a'], 'z');
        g.output('z');
      },
    ],
    ['a layer that is a graph output', (g) => g.output('a')],
    [
      'a layer that a subgraph captures',
      (g) => {
        boolConstant(g, 'yes', true);
        ifNode(g, 'yes', 'z', 'Neg', ['a']);
        g.output('z');
      },
    ],
    ['a BatchNormalization in training', (g) => set(g, 1, 'training_mode')],
    [
      'a BatchNormalization whose running mean is read',
      (g) => {
        g.graph.nodes[1]?.outputs.push('mean', 'variance');
        g.output('mean');
      },
    ],
    ['a mean that is fed', (g) => fed(g, 'a_mean')],
    ['a weight that is fed', (g) => fed(g, 'w')],
    ['a bias that is fed', (g) => fed(g, 'b'), { ...conv, b: [4] }],
    ['an operator of another domain', (g) => rename(g, 0)],
    ['a BatchNormalization of another domain', (g) => rename(g, 1)],
  ];
  const set = (g: GraphBuilder, index: number, name: string) =>
    g.graph.nodes[index]?.attributes.set(name, attribute.int(1));
  const fed = (g: GraphBuilder, name: string) => g.graph.initializers.delete(name) && g.input(name, []);
  const rename = (g: GraphBuilder, index: number) => {
    const [found] = g.graph.nodes.slice(index);
    if (found) g.graph.nodes[index] = { ...found, domain: 'com.example' };
  };

  test.each(cases)('%s', async (_, change, layer = conv) => {
    const g = layerAndNorm(layer);
    change(g);
    const model: Model = g.build();
    await leavesAlone(batchNormIntoPrevious, model);
    expect(model.batchNorms.size).toBe(0);
  });

  test('MatMul of a rank that is not 2, where axis 1 is not the last', async () => {
    await leavesAlone(
      batchNormIntoPrevious,
      matMulAndNorm(() => 'product', [2, 5, 4]),
    );
    await leavesAlone(batchNormIntoPrevious, matMulAndNorm(addBias, [2, 5, 4]));
  });

  test('MatMul and Add where something reads between the two', async () => {
    const model = matMulAndNorm(addBias);
    model.graph.outputs.push({ name: 'product', dataType: 'float32', shape: [3, 5] });
    await leavesAlone(batchNormIntoPrevious, model);
  });

  test('MatMul of an unknown rank', async () => {
    const g = layerAndNorm({ opType: 'MatMul', x: [3, 4], w: [4, 5], channels: 5 });
    g.graph.inputs = [{ name: 'x', dataType: 'float32', shape: undefined }];
    await leavesAlone(batchNormIntoPrevious, g.build());
  });

  test('Conv and Add, which no rule names', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 3, 4, 4]);
    g.constant('w', [4, 3, 3, 3], randomFloats(108, 1));
    g.constant('b', [4, 1, 1], randomFloats(4, 2));
    g.node('Add', [g.node('Conv', ['x', 'w'], 'product'), 'b'], 'a');
    g.node('BatchNormalization', batchNormInputs(g, 'a', 4), 'y');
    g.output('y');
    await leavesAlone(batchNormIntoPrevious, g.build());
  });
});
