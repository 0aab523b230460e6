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
    4,
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

it('an Einsum of two constants, or without a label that the result has, stays as it is', async () => {
  const inner = around([8], (g) => g.node('Einsum', ['x', random(g, 'w', 8)], 'y', { equation: 'i,i->' }));
  await expect(quantizeModel(inner)).resolves.toMatchObject({ placement: { weighted: [] } });
});
