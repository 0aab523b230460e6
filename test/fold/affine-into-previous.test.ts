import { describe, expect, test } from 'vitest';
import { affineIntoPrevious } from '../../src/fold/affine-into-previous.js';
import { attribute, type Model } from '../../src/graph/model.js';
import { arrayOf } from '../../src/graph/tensor.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { batchNormInputs, foldContext, foldWith, leavesAlone } from '../support/fold-with.js';
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
    expect(await foldWith(affineIntoPrevious, model, randomFeed('x', layer.x, 3), [layer.opType])).toBe(1);
    expect(model.graph.nodes[0]).toMatchObject({ id: 'a', outputs: ['y'] });
  });

  test('MatMul, by an Add after it', async () => {
    const model = matMulAndNorm(() => 'product');
    await foldWith(affineIntoPrevious, model, randomFeed('x', [3, 4], 3), ['MatMul', 'Add']);
    expect(model.graph.nodes.map(({ id }) => id)).toEqual(['product', 'y']);
  });

  test.each([
    ['a vector', [5], ['product', 'bias']],
    ['a vector on the left', [5], ['bias', 'product']],
    ['one element', [1], ['product', 'bias']],
  ])('MatMul and Add of %s', async (_, dims, inputs) => {
    const model = matMulAndNorm((g) => addBias(g, inputs, dims));
    await foldWith(affineIntoPrevious, model, randomFeed('x', [3, 4], 3), ['MatMul', 'Add']);
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
  await affineIntoPrevious.run(model, foldContext);
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
    await foldWith(affineIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv', 'Conv']);
    expect([...g.graph.initializers.keys()]).toEqual(expect.arrayContaining(['w', 'w_2', 'b', 'b_2']));
  });

  test('a weight that a subgraph captures is copied', async () => {
    const g = layerAndNorm(conv);
    boolConstant(g, 'yes', true);
    ifNode(g, 'yes', 'z', 'Neg', ['w']);
    g.output('z');
    await foldWith(affineIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv', 'If']);
  });

  test('two BatchNormalizations after one another both fold', async () => {
    const g = layerAndNorm(conv);
    g.graph.outputs = [];
    g.node('BatchNormalization', batchNormInputs(g, 'y', 4, 60), 'last');
    g.output('last');
    expect(await foldWith(affineIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv'])).toBe(2);
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
    await leavesAlone(affineIntoPrevious, model);
    expect(model.batchNorms.size).toBe(0);
  });

  test('MatMul of a rank that is not 2, where axis 1 is not the last', async () => {
    await leavesAlone(
      affineIntoPrevious,
      matMulAndNorm(() => 'product', [2, 5, 4]),
    );
    await leavesAlone(affineIntoPrevious, matMulAndNorm(addBias, [2, 5, 4]));
  });

  test('MatMul and Add where something reads between the two', async () => {
    const model = matMulAndNorm(addBias);
    model.graph.outputs.push({ name: 'product', dataType: 'float32', shape: [3, 5] });
    await leavesAlone(affineIntoPrevious, model);
  });

  test('MatMul of an unknown rank', async () => {
    const g = layerAndNorm({ opType: 'MatMul', x: [3, 4], w: [4, 5], channels: 5 });
    g.graph.inputs = [{ name: 'x', dataType: 'float32', shape: undefined }];
    await leavesAlone(affineIntoPrevious, g.build());
  });

  test.each<[string, string, number[], Layer?]>([
    ['a constant that varies along a row', 'Mul', [6]],
    ['a constant that makes more channels', 'Mul', [1, 4, 1, 1], { ...conv, w: [1, 3, 3, 3], channels: 1 }],
    ['a constant of more axes', 'Add', [1, 1, 4, 1, 1]],
    ['one value of more axes', 'Mul', [1, 1, 1, 1, 1]],
    ['a constant that is divided', 'Div', [4, 1, 1]],
    ['a division by 0', 'Div by 0', [4, 1, 1]],
    ['a MatMul and its bias', 'Add', [5], { opType: 'MatMul', x: [3, 4], w: [4, 5], channels: 5 }],
    ['a MatMul of unknown rank', 'Mul', [1, 5], { opType: 'MatMul', x: [], w: [4, 5], channels: 5 }],
  ])('%s', async (_, opType, dims, layer = conv) => {
    const g = new GraphBuilder();
    g.graph.inputs.push({ name: 'x', dataType: 'float32', shape: layer.x.length > 0 ? layer.x : undefined });
    g.constant('w', layer.w, randomFloats(elementCount(layer.w), 1));
    const product = g.node(layer.opType, ['x', 'w'], 'a');
    const byZero = opType === 'Div by 0';
    g.constant('k', dims, byZero ? [1, 0, 1, 1] : randomFloats(elementCount(dims), 5));
    g.node(byZero ? 'Div' : opType, opType === 'Div' ? ['k', product] : [product, 'k'], 'y');
    g.output('y');
    await leavesAlone(affineIntoPrevious, g.build());
  });

  test('a constant behind a weight that another layer reads too: the copy could weigh more', async () => {
    const g = layerAndArithmetic('Mul', conv, [4, 1, 1]);
    g.node('Conv', ['x', 'w'], 'z');
    g.output('z');
    await leavesAlone(affineIntoPrevious, g.build());
  });
});

/** x → layer "a" → an operator with the constant "k" → y. */
function layerAndArithmetic(
  opType: string,
  { opType: layerType, x, w, b, attributes }: Layer,
  dims: number[],
  isLeft = false,
): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', x);
  g.constant('w', w, randomFloats(elementCount(w), 1));
  const bias = b ? [g.constant('b', b, randomFloats(elementCount(b), 2, -3, 3))] : [];
  g.node(layerType, ['x', 'w', ...bias], 'a', attributes);
  g.constant('k', dims, randomFloats(elementCount(dims), 5, 0.5, 4));
  g.node(opType, isLeft ? ['k', 'a'] : ['a', 'k'], 'y');
  g.output('y');
  return g;
}

describe('a constant with one value a channel folds', () => {
  test.each<[string, string, Layer, number[], boolean?]>([
    ['Mul behind Conv', 'Mul', conv, [4, 1, 1]],
    ['Mul on the left', 'Mul', { ...conv, b: [4] }, [1, 4, 1, 1], true],
    ['Mul of one value', 'Mul', conv, []],
    ['Add behind Conv', 'Add', conv, [4, 1, 1]],
    ['Sub', 'Sub', { ...conv, b: [4] }, [4, 1, 1]],
    ['Sub from a constant', 'Sub', { ...conv, b: [4] }, [4, 1, 1], true],
    ['Div', 'Div', { ...conv, b: [4] }, [1, 4, 1, 1]],
    [
      'Mul behind depthwise',
      'Mul',
      { ...conv, w: [3, 1, 3, 3], channels: 3, attributes: { group: 3 } },
      [3, 1, 1],
    ],
    [
      'Mul behind ConvTranspose',
      'Mul',
      { opType: 'ConvTranspose', x: [1, 4, 3, 3], w: [4, 5, 2, 2], b: [5], channels: 5 },
      [5, 1, 1],
    ],
    ['Mul behind Gemm', 'Mul', { ...gemm, b: [5], attributes: factors }, [5]],
    ['Add behind Gemm', 'Add', { ...gemm, attributes: { alpha: attribute.float(0.5) } }, [1, 5]],
    ['Mul behind MatMul of any rank', 'Mul', { opType: 'MatMul', x: [2, 3, 4], w: [4, 5], channels: 5 }, [5]],
  ])('%s', async (_, opType, layer, dims, isLeft) => {
    const g = layerAndArithmetic(opType, layer, dims, isLeft);
    const model = g.build();
    expect(await foldWith(affineIntoPrevious, model, randomFeed('x', layer.x, 3), [layer.opType])).toBe(1);
    expect(model.graph.nodes[0]).toMatchObject({ id: 'a', outputs: ['y'] });
  });

  test('Mul and Add, as exporters write a BatchNormalization, and one behind them', async () => {
    const g = layerAndArithmetic('Mul', conv, [4, 1, 1]);
    g.graph.outputs = [];
    g.constant('o', [4, 1, 1], randomFloats(4, 6, -2, 2));
    g.node('Add', ['y', 'o'], 'added');
    g.node('BatchNormalization', batchNormInputs(g, 'added', 4), 'z');
    g.output('z');
    expect(await foldWith(affineIntoPrevious, g.build(), randomFeed('x', conv.x, 3), ['Conv'])).toBe(3);
  });

  test('MatMul, Add and Mul on three axes', async () => {
    const g = new GraphBuilder();
    g.input('x', [2, 3, 4]);
    g.constant('w', [4, 5], randomFloats(20, 1));
    g.node('MatMul', ['x', 'w'], 'product');
    addBias(g);
    g.constant('k', [5], randomFloats(5, 9));
    g.node('Mul', ['sum', 'k'], 'y');
    g.output('y');
    await foldWith(affineIntoPrevious, g.build(), randomFeed('x', [2, 3, 4], 3), ['MatMul', 'Add']);
  });

  test('what a BatchNormalization told follows: β·k and |γ·k|, by hand', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [1, 1]);
    g.node('Conv', ['x', 'w'], 'a');
    const parameters = { gamma: [3, 1], beta: [7, -1], mean: [0, 0], variance: [1, 1] };
    for (const [name, values] of Object.entries(parameters)) g.constant(name, [2], values);
    g.node('BatchNormalization', ['a', ...Object.keys(parameters)], 'n');
    g.constant('k', [2, 1, 1], [-2, 10]);
    g.node('Mul', ['n', 'k'], 's');
    g.constant('o', [1], [5]);
    g.node('Add', ['s', 'o'], 'y');
    g.output('y');
    const model = g.build();
    await foldWith(affineIntoPrevious, model, randomFeed('x', [1, 1, 2, 2], 3), ['Conv']);
    const moments = { beta: Float32Array.of(-9, -5), gamma: Float32Array.of(6, 10) };
    expect(model.batchNorms).toEqual(new Map([['y', moments]]));
  });
});

describe('a constant that was stretched over the places of a channel', () => {
  /** x → Conv "a" → Mul of [1, 4, 4, 4] → y; `odd` is the value of one place. */
  function stretched(stated: number[] | undefined, odd?: number): Model {
    const g = new GraphBuilder();
    g.input('x', conv.x);
    g.constant('w', conv.w, randomFloats(elementCount(conv.w), 1));
    g.node('Conv', ['x', 'w'], 'a');
    if (stated) g.graph.valueInfo.set('a', { name: 'a', dataType: 'float32', shape: stated });
    const values = Float32Array.from({ length: 64 }, (_, i) => 1 + Math.floor(i / 16));
    if (odd !== undefined) values[63] = odd;
    g.node('Mul', ['a', g.constant('k', [1, 4, 4, 4], values)], 'y');
    g.output('y');
    return g.build();
  }

  test('folds where the file says that the value has these places', async () => {
    await foldWith(affineIntoPrevious, stretched([2, 4, 4, 4]), randomFeed('x', conv.x, 3), ['Conv']);
  });

  test.each<[string, number[] | undefined, number | undefined]>([
    ['where it does not', undefined, undefined],
    ['where the value has one place, which the constant would stretch', [2, 4, 1, 1], undefined],
    ['where it varies along them', [2, 4, 4, 4], 9],
  ])('stays %s', async (_, stated, odd) => {
    await leavesAlone(affineIntoPrevious, stretched(stated, odd));
  });
});
