import { expect, test } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { readBack } from '../../src/proto/read-back.js';
import { GraphBuilder } from '../support/graph-builder.js';

function build(): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 2]);
  g.constant('w', [2, 2], [1, 2, 3, 4]);
  g.node('MatMul', ['x', 'w'], 'a');
  g.node('Softmax', ['a'], 'y', { axis: 1 });
  g.output('y', [1, 2]);
  return g.build();
}

const weights = (dims: number[], data: Float32Array | Int32Array) =>
  tensorOf({ type: data instanceof Float32Array ? 'float32' : 'int32', dims, data });

test('the same model', () => {
  expect(readBack(encodeModel(build()), build())).toBeUndefined();
});

test.each<[string, (model: Model) => void, string]>([
  ['a node is missing', (m) => m.graph.nodes.pop(), '1 nodes instead of 2'],
  [
    'another operator',
    (m) => m.graph.nodes.splice(1, 1, { ...m.graph.nodes[1], opType: 'Relu' } as never),
    'node 1',
  ],
  ['another input', (m) => m.graph.nodes[0]?.inputs.reverse(), 'node 0 (MatMul)'],
  ['another output', (m) => m.graph.nodes[0]?.outputs.splice(0, 1, 'b'), 'node 0 (MatMul)'],
  ['a missing attribute', (m) => m.graph.nodes[1]?.attributes.clear(), 'node 1 (Softmax)'],
  ['no initializer', (m) => m.graph.initializers.clear(), '0 initializers'],
  [
    'another shape',
    (m) => m.graph.initializers.set('w', weights([4, 1], Float32Array.of(1, 2, 3, 4))),
    '"w"',
  ],
  ['another type', (m) => m.graph.initializers.set('w', weights([2, 2], Int32Array.of(1, 2, 3, 4))), '"w"'],
  [
    'another element',
    (m) => m.graph.initializers.set('w', weights([2, 2], Float32Array.of(1, 2, 3, 5))),
    'elements of "w"',
  ],
])('%s', (_, change, difference) => {
  const model = build();
  change(model);
  expect(readBack(encodeModel(model), build())).toContain(difference);
});
