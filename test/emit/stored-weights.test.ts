import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { arrayOf, tensorOf } from '../../src/graph/tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { GraphBuilder as Builder, type GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel, randomFeeds } from '../support/quantize-model.js';
import { expectSameOutputs } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

/** x of a shape → what `make` builds → y. */
function around(dims: readonly number[], make: (g: GraphBuilder) => void): Model {
  const g = new Builder();
  g.input('x', dims);
  make(g);
  g.output('y');
  const model = g.build();
  model.opsets.set('com.microsoft', 1);
  return model;
}

const random = (g: GraphBuilder, name: string, ...dims: number[]): string =>
  g.constant(
    name,
    dims,
    randomFloats(
      dims.reduce((a, b) => a * b, 1),
      dims.length,
    ),
  );

/** A node of onnxruntime's own. */
function runtimeNode(g: GraphBuilder, ...[opType, inputs, outputs, attributes]: Parameters<Builder['node']>) {
  g.node(opType, inputs, outputs, attributes);
  const made = g.graph.nodes.pop();
  if (made) g.graph.nodes.push({ ...made, domain: 'com.microsoft' });
}

/** Each with how many scales its weight has. */
const models: [string, Model, number][] = [
  [
    'MatMul, constant on the left',
    around([8, 3], (g) => g.node('MatMul', [random(g, 'w', 4, 8), 'x'], 'y')),
    4,
  ],
  [
    'MatMul, batched constant on the left',
    around([8, 3], (g) => g.node('MatMul', [random(g, 'w', 2, 4, 8), 'x'], 'y')),
    8,
  ],
  [
    'MatMul, batched constant on the right',
    around([2, 3, 8], (g) => g.node('MatMul', ['x', random(g, 'w', 2, 8, 5)], 'y')),
    5,
  ],
  [
    'MatMul, a vector on the right',
    around([3, 8], (g) => g.node('MatMul', ['x', random(g, 'w', 8)], 'y')),
    1,
  ],
  ['MatMul, a vector on the left', around([8, 3], (g) => g.node('MatMul', [random(g, 'w', 8), 'x'], 'y')), 1],
  ['Gemm, constant on the left', around([8, 3], (g) => g.node('Gemm', [random(g, 'w', 4, 8), 'x'], 'y')), 4],
  [
    'Gemm, transposed constant on the left',
    around([8, 3], (g) => g.node('Gemm', [random(g, 'w', 8, 4), 'x'], 'y', { transA: 1 })),
    4,
  ],
  [
    'Gemm with a matrix as bias',
    around([3, 8], (g) => g.node('Gemm', ['x', random(g, 'w', 8, 4), random(g, 'c', 3, 4)], 'y')),
    4,
  ],
  [
    'Einsum',
    around([2, 3, 8], (g) => g.node('Einsum', ['x', random(g, 'w', 8, 5)], 'y', { equation: 'bij,jk->bik' })),
    5,
  ],
  [
    'Einsum without an arrow',
    around([2, 3, 8], (g) => g.node('Einsum', ['x', random(g, 'w', 8, 5)], 'y', { equation: 'bij,jk' })),
    5,
  ],
  [
    'Einsum with a matrix for each head',
    around([2, 3, 4, 8], (g) =>
      g.node('Einsum', ['x', random(g, 'w', 3, 8, 5)], 'y', { equation: 'bhij,hjk->bhik' }),
    ),
    5,
  ],
  [
    'Einsum with an ellipsis before the labels of its constant',
    around([3, 4, 8], (g) =>
      g.node('Einsum', ['x', random(g, 'w', 3, 5, 8)], 'y', { equation: '...ij,...kj->...ik' }),
    ),
    5,
  ],
  [
    'Einsum with a vector that is summed over',
    around([2, 3, 8], (g) => g.node('Einsum', ['x', random(g, 'w', 8)], 'y', { equation: 'bij,j->bi' })),
    1,
  ],
  [
    'Einsum with two constants, the first without a label that the result has',
    around([3, 8], (g) =>
      g.node('Einsum', ['x', random(g, 'w', 8, 6), random(g, 'v', 6, 5)], 'y', {
        equation: 'bi,ij,jk->bk',
      }),
    ),
    6,
  ],
  [
    'GatherND from a constant table',
    around([3, 8], (g) => {
      g.node('ArgMax', ['x'], 'ids', { axis: 1 });
      g.node('GatherND', [random(g, 'w', 8, 5), 'ids'], 'y');
    }),
    8,
  ],
  [
    'EmbedLayerNormalization, words and positions',
    around([2, 4, 8], (g) => {
      g.node('ArgMax', ['x'], 'found', { axis: 2, keepdims: 0 });
      g.node('Cast', ['found'], 'ids', { to: 6 });
      const tables = [random(g, 'w', 8, 5), random(g, 'p', 4, 5)];
      const norm = [random(g, 'gamma', 5), random(g, 'beta', 5)];
      runtimeNode(g, 'EmbedLayerNormalization', ['ids', '', ...tables, '', ...norm], ['y', 'mask']);
    }),
    8,
  ],
  [
    'MoE: the rows of every expert',
    around([3, 8], (g) => {
      const router = random(g, 'router', 3, 2);
      const inputs = ['x', router, random(g, 'w', 2, 6, 8), '', random(g, 'w2', 2, 8, 6)];
      runtimeNode(g, 'MoE', inputs, 'y', { k: 1, activation_type: 'relu' });
    }),
    12,
  ],
  [
    'WordConvEmbedding: kernels, and the table of characters',
    around([2, 3, 6, 8], (g) => {
      g.node('ArgMax', ['x'], 'found', { axis: 3, keepdims: 0 });
      g.node('Cast', ['found'], 'ids', { to: 6 });
      // A 0 ends a word, and an empty one is left as memory has it.
      g.node('Add', ['ids', g.constant('one', [], Int32Array.of(1))], 'characters');
      const inputs = ['characters', random(g, 'w', 4, 1, 3, 5), random(g, 'b', 4), random(g, 'table', 9, 5)];
      const sizes = { conv_window_size: 3, embedding_size: 4, char_embedding_size: 5 };
      runtimeNode(g, 'WordConvEmbedding', inputs, 'y', sizes);
    }),
    4,
  ],
  [
    'LSTM of two directions',
    around([6, 1, 8], (g) =>
      g.node('LSTM', ['x', random(g, 'w', 2, 16, 8), random(g, 'r', 2, 16, 4)], ['y'], {
        hidden_size: 4,
        direction: 'bidirectional',
      }),
    ),
    32,
  ],
  [
    'GRU of two directions',
    around([6, 1, 8], (g) =>
      g.node('GRU', ['x', random(g, 'w', 2, 12, 8), random(g, 'r', 2, 12, 4)], ['y'], {
        hidden_size: 4,
        direction: 'bidirectional',
      }),
    ),
    24,
  ],
  [
    'FusedConv',
    around([1, 3, 8, 8], (g) =>
      runtimeNode(g, 'FusedConv', ['x', random(g, 'w', 4, 3, 3, 3)], 'y', { activation: 'Relu' }),
    ),
    4,
  ],
  [
    'FusedMatMul',
    around([3, 8], (g) => runtimeNode(g, 'FusedMatMul', ['x', random(g, 'w', 5, 8)], 'y', { transB: 1 })),
    5,
  ],
  [
    'FusedGemm',
    around([3, 8], (g) =>
      runtimeNode(g, 'FusedGemm', ['x', random(g, 'w', 8, 5), random(g, 'c', 5)], 'y', {
        activation: 'Relu',
      }),
    ),
    5,
  ],
  [
    'Attention',
    around([1, 4, 8], (g) =>
      runtimeNode(g, 'Attention', ['x', random(g, 'w', 8, 24), random(g, 'c', 24)], 'y', { num_heads: 2 }),
    ),
    24,
  ],
];

describe.each(models)('%s', (_, float, scales) => {
  it.each([8, 4])('has its weights in %i bits, computes with them as they are stored', async (bits) => {
    const recipe = { bits, allLayers: true, activations: { kind: 'float' } } as const;
    const feeds = randomFeeds(float);
    const { plan, placement, bytes, emitted } = await quantizeModel(float, recipe, feeds);
    const initializers = new Map(float.graph.initializers);
    for (const { id, weightName } of placement.weighted.flatMap(({ sites }) => sites)) {
      const weight = plan.weights.get(id);
      if (!weight) throw new Error(id);
      expect(emitted.model.graph.initializers.has(weightName)).toBe(false);
      const { dims } = arrayOf(initializers.get(weightName) as never);
      initializers.set(weightName, tensorOf({ type: 'float32', dims, data: dequantizeTensor(weight) }));
    }
    expect([...plan.weights.values()][0]?.scales).toHaveLength(scales);
    const reference = encodeModel({ ...float, graph: { ...float.graph, initializers } });
    for (const feed of feeds)
      expectSameOutputs(await runIn('disabled', bytes, feed), await runIn('disabled', reference, feed));
  });
});

it('the factors of an Einsum, which nothing is summed over, stay as they are', async () => {
  const scaled = around([3, 8], (g) =>
    g.node('Einsum', ['x', random(g, 'w', 8)], 'y', { equation: 'bi,i->bi' }),
  );
  await expect(quantizeModel(scaled)).resolves.toMatchObject({ placement: { weighted: [] } });
});
