import { describe, expect, test } from 'vitest';
import { affineIntoNext } from '../../src/fold/affine-into-next.js';
import { attribute } from '../../src/graph/model.js';
import { elementCount } from '../../src/numerics/nd-array.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { batchNormInputs, foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

interface Layer {
  opType: string;
  x: number[];
  w: number[];
  b?: number[];
  attributes?: Parameters<GraphBuilder['node']>[3];
}

/** x → BatchNormalization "a" → layer → y. */
function normAndLayer({ opType, x, w, b, attributes }: Layer): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', x);
  g.node('BatchNormalization', batchNormInputs(g, 'x', x[1] ?? 0), 'a');
  g.constant('w', w, randomFloats(elementCount(w), 1));
  const bias = b ? [g.constant('b', b, randomFloats(elementCount(b), 2, -3, 3))] : [];
  g.node(opType, ['a', 'w', ...bias], 'y', attributes);
  g.output('y');
  return g;
}

const conv: Layer = { opType: 'Conv', x: [2, 4, 6, 6], w: [6, 4, 3, 3] };
const gemm: Layer = { opType: 'Gemm', x: [3, 4], w: [4, 5] };
const factors = { alpha: attribute.float(0.5), beta: attribute.float(-1.5) };

describe('folds into', () => {
  test.each<[string, Layer]>([
    ['Conv without padding', conv],
    [
      'Conv with a bias, strides and zeros for pads',
      { ...conv, b: [6], attributes: { strides: [2, 1], pads: [0, 0, 0, 0] } },
    ],
    ['Conv with auto_pad VALID', { ...conv, attributes: { auto_pad: 'VALID' } }],
    ['grouped Conv', { ...conv, w: [6, 2, 3, 3], attributes: { group: 2 } }],
    ['depthwise Conv', { ...conv, w: [4, 1, 3, 3], b: [4], attributes: { group: 4 } }],
    ['Gemm', gemm],
    ['Gemm with alpha, beta and a vector', { ...gemm, b: [5], attributes: factors }],
    [
      'Gemm with a transposed weight',
      { ...gemm, w: [5, 4], b: [1, 5], attributes: { transB: 1, ...factors } },
    ],
    ['Gemm with a scalar bias', { ...gemm, b: [], attributes: factors }],
    ['Gemm with a bias of one element', { ...gemm, b: [1, 1] }],
  ])('%s', async (_, layer) => {
    const g = normAndLayer(layer);
    expect(await foldWith(affineIntoNext, g.build(), randomFeed('x', layer.x, 3), [layer.opType])).toBe(1);
    expect(g.graph.nodes[0]).toMatchObject({ id: 'y', inputs: ['x', 'w', expect.any(String)] });
  });

  test('padded Conv where the shift is 0', async () => {
    const g = normAndLayer({ ...conv, attributes: { pads: [1, 1, 1, 1] } });
    g.constant('x_beta', [4], [0, 0, 0, 0]);
    g.constant('x_mean', [4], [0, 0, 0, 0]);
    await foldWith(affineIntoNext, g.build(), randomFeed('x', conv.x, 3), ['Conv']);
  });

  test('a layer whose weight another layer reads too: it is copied', async () => {
    const g = normAndLayer({ ...conv, b: [6] });
    g.node('Conv', ['x', 'w', 'b'], 'z');
    g.output('z');
    await foldWith(affineIntoNext, g.build(), randomFeed('x', conv.x, 3), ['Conv', 'Conv']);
  });
});

describe('leaves alone', () => {
  test.each<[string, Layer]>([
    ['Conv with padding', { ...conv, attributes: { pads: [1, 1, 1, 1] } }],
    ['Conv with padding on one side', { ...conv, attributes: { pads: [0, 0, 0, 1] } }],
    ['Conv with auto_pad SAME_UPPER', { ...conv, attributes: { auto_pad: 'SAME_UPPER' } }],
    ['Conv with auto_pad SAME_LOWER', { ...conv, attributes: { auto_pad: 'SAME_LOWER' } }],
    ['Gemm with transA', { ...gemm, x: [4, 4], attributes: { transA: 1 } }],
    ['Gemm with a bias a row', { ...gemm, b: [3, 1] }],
    ['square Gemm with a bias a row', { ...gemm, x: [5, 4], b: [5, 1] }],
    ['Gemm with a full bias', { ...gemm, b: [3, 5] }],
    ['ConvTranspose', { ...conv, opType: 'ConvTranspose', w: [4, 5, 3, 3] }],
  ])('%s', (_, layer) => leavesAlone(affineIntoNext, normAndLayer(layer).build()));

  test.each<[string, (g: GraphBuilder) => void]>([
    [
      'two readers',
      (g) => {
        g.node('Relu', ['a'], 'z');
        g.output('z');
      },
    ],
    ['a graph output', (g) => g.output('a')],
    [
      'a captured value',
      (g) => {
        boolConstant(g, 'yes', true);
        ifNode(g, 'yes', 'z', 'Neg', ['a']);
        g.output('z');
      },
    ],
    ['training', (g) => g.graph.nodes[0]?.attributes.set('training_mode', attribute.int(1))],
    ['a weight that is fed', (g) => g.graph.initializers.delete('w') && g.input('w', conv.w)],
  ])('%s', async (_, change) => {
    const g = normAndLayer(conv);
    change(g);
    await leavesAlone(affineIntoNext, g.build());
  });

  test('a layer that reads the BatchNormalization as its bias', async () => {
    const g = normAndLayer({ ...gemm, w: [4, 4] });
    g.input('other', [3, 4]);
    g.graph.nodes[1]?.inputs.splice(0, 2, 'other', 'w', 'a');
    await leavesAlone(affineIntoNext, g.build());
  });

  test('a layer that reads the BatchNormalization as its weight', async () => {
    const g = new GraphBuilder();
    g.input('x', [4, 4]);
    g.constant('c', [3, 4], randomFloats(12, 1));
    g.node('BatchNormalization', batchNormInputs(g, 'x', 4), 'a');
    g.node('Gemm', ['c', 'a'], 'y');
    g.output('y');
    await leavesAlone(affineIntoNext, g.build());
  });
});

describe('a constant with one value a channel folds', () => {
  test.each<[string, string, Layer, number[]]>([
    ['Mul before a padded Conv', 'Mul', { ...conv, attributes: { pads: [1, 1, 1, 1] } }, [4, 1, 1]],
    ['Add before Conv', 'Add', { ...conv, b: [6] }, [4, 1, 1]],
    ['Div before MatMul', 'Div', { ...gemm, opType: 'MatMul' }, [4]],
    ['Sub before Gemm', 'Sub', { ...gemm, b: [5], attributes: factors }, [1, 4]],
    ['Mul before ConvTranspose', 'Mul', { ...conv, opType: 'ConvTranspose', w: [4, 5, 3, 3] }, [4, 1, 1]],
  ])('%s', async (_, opType, layer, dims) => {
    const g = arithmeticAndLayer(opType, layer, dims);
    const left = ['Relu', layer.opType];
    expect(await foldWith(affineIntoNext, g.build(), randomFeed('x', layer.x, 3), left)).toBe(1);
    expect(g.graph.nodes[1]?.inputs[0]).toBe('r');
  });

  test('Sub and Div, as (x − mean)/deviation, with deviations like those of pictures', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 3, 5, 5]);
    g.constant('mean', [3, 1, 1], [123.7, 116.3, 103.5]);
    g.constant('deviation', [3, 1, 1], [58.4, 57.1, 57.4]);
    g.node('Div', [g.node('Sub', ['x', 'mean'], 's'), 'deviation'], 'd');
    g.constant('w', [4, 3, 3, 3], randomFloats(108, 1));
    g.node('Conv', ['d', 'w'], 'y');
    g.output('y');
    const feed = randomFeed('x', [1, 3, 5, 5], 3, 0, 255);
    expect(await foldWith(affineIntoNext, g.build(), feed, ['Conv'])).toBe(2);
  });
});

describe('a shift before MatMul', () => {
  test('goes into an Add behind it, which has an id of its own', async () => {
    const g = arithmeticAndLayer('Sub', { ...gemm, opType: 'MatMul' }, [4]);
    const model = g.build();
    const feed = randomFeed('x', gemm.x, 3);
    expect(await foldWith(affineIntoNext, model, feed, ['Relu', 'MatMul', 'Add'])).toBe(1);
    const { nodes } = model.graph;
    expect(new Set(nodes.map(({ id }) => id)).size).toBe(3);
    expect(nodes[2]?.outputs).toEqual(['y']);
  });

  test('goes into the Add of its bias, where it has one', async () => {
    const g = normAndLayer({ ...gemm, opType: 'MatMul' });
    g.constant('bias', [5], randomFloats(5, 8));
    g.graph.outputs.length = 0;
    g.output(g.node('Add', ['bias', 'y'], 'z'));
    expect(await foldWith(affineIntoNext, g.build(), randomFeed('x', gemm.x, 3), ['MatMul', 'Add'])).toBe(1);
  });
});

describe('constants behind a function between −1 and 1 fold', () => {
  test.each(['MatMul', 'Gemm'])('however different they make its channels, into %s', async (opType) => {
    const g = new GraphBuilder();
    g.input('x', [3, 4]);
    g.constant('sizes', [4], [1e3, 10, 1, 1e-2]);
    g.constant('middle', [4], [2e3, -10, 1, 0]);
    g.node('Add', [g.node('Mul', [g.node('Tanh', ['x'], 't'), 'sizes'], 'm'), 'middle'], 'a');
    g.constant(
      'w',
      [4, 5],
      [1e-3, 0.1, 1, 1e2].flatMap((size) => Array.from(randomFloats(5, 1), (v) => v * size)),
    );
    g.node(opType, ['a', 'w'], 'y');
    g.output('y');
    const left = ['Tanh', opType, ...(opType === 'MatMul' ? ['Add'] : [])];
    expect(await foldWith(affineIntoNext, g.build(), randomFeed('x', [3, 4], 3), left)).toBe(2);
  });
});

describe('and stays', () => {
  test.each<[string, number[], number[], number]>([
    ['a shift of what the model is given', [273], [1], 0],
    ['a shift and a factor, where the shift is large beside the deviation', [273], [5], 0],
    ['but neither of pictures', [127], [64], 2],
  ])('%s', async (_, mean, deviation, folded) => {
    const g = new GraphBuilder();
    g.input('x', [3, 4]);
    g.constant('mean', [1], mean);
    g.constant('deviation', [1], deviation);
    const centred = g.node('Sub', ['x', 'mean'], 's');
    const given = deviation[0] === 1 ? centred : g.node('Div', [centred, 'deviation'], 'd');
    g.constant('w', [4, 5], randomFloats(20, 1));
    g.node('Gemm', [given, 'w'], 'y');
    g.output('y');
    const model = g.build();
    const feed = randomFeed('x', [3, 4], 3);
    const left = folded === 2 ? ['Gemm'] : model.graph.nodes.map(({ opType }) => opType);
    expect(await foldWith(affineIntoNext, model, feed, left)).toBe(folded);
  });

  test.each<[string, string, Layer, number[]]>([
    ['an Add before a padded Conv', 'Add', { ...conv, attributes: { pads: [1, 1, 1, 1] } }, [4, 1, 1]],
    ['a constant along a row', 'Mul', conv, [6]],
  ])('%s', (_, opType, layer, dims) =>
    leavesAlone(affineIntoNext, arithmeticAndLayer(opType, layer, dims).build()),
  );

  test('a Mul before a weight that another layer reads too', async () => {
    const g = arithmeticAndLayer('Mul', conv, [4, 1, 1]);
    g.node('Conv', ['x', 'w'], 'z');
    g.output('z');
    await leavesAlone(affineIntoNext, g.build());
  });

  test.each(['BatchNormalization', 'Div'])(
    'columns in their own units, by %s: one range would lose the small ones',
    async (opType) => {
      const deviations = [1e4, 10, 1, 1e-3];
      const g = new GraphBuilder();
      g.input('x', [2, 4]);
      g.constant('one', [4], [1, 1, 1, 1]);
      g.constant('zero', [4], [0, 0, 0, 0]);
      g.constant('deviation', [4], deviations);
      g.constant(
        'variance',
        [4],
        deviations.map((d) => d * d),
      );
      if (opType === 'Div') g.node('Div', ['x', 'deviation'], 'a');
      else
        g.node('BatchNormalization', ['x', 'one', 'zero', 'zero', 'variance'], 'a', {
          epsilon: attribute.float(0),
        });
      g.constant('w', [4, 3], randomFloats(12, 1));
      g.node('Gemm', ['a', 'w'], 'y');
      g.output('y');
      await leavesAlone(affineIntoNext, g.build());
    },
  );
});

/** x → Relu → an operator with the constant "k" → layer → y. */
function arithmeticAndLayer(
  opType: string,
  { opType: layerType, x, w, b, attributes }: Layer,
  dims: number[],
) {
  const g = new GraphBuilder();
  g.input('x', x);
  g.constant('k', dims, randomFloats(elementCount(dims), 5, 0.5, 4));
  g.node(opType, [g.node('Relu', ['x'], 'r'), 'k'], 'a');
  g.constant('w', w, randomFloats(elementCount(w), 1));
  const bias = b ? [g.constant('b', b, randomFloats(elementCount(b), 2, -3, 3))] : [];
  g.node(layerType, ['a', 'w', ...bias], 'y', attributes);
  g.output('y');
  return g;
}
