import { expect, it, test } from 'vitest';
import type { Carried } from '../../src/graph/tensor.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { loadModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';
import { temporaryFile } from '../support/temporary-file.js';

const bytesOf = (array: Float32Array | BigInt64Array) => new Uint8Array(array.buffer);

/** A SparseTensorProto of floats, its indices [n], or [n, 2] where they are pairs. */
function sparse(
  dims: readonly number[],
  values: readonly number[],
  indices: readonly (number | bigint | readonly number[])[],
) {
  const shape = Array.isArray(indices[0]) ? [indices.length, 2] : [indices.length];
  return {
    values: { name: 'w', dims: [values.length], data_type: 1, raw_data: bytesOf(Float32Array.from(values)) },
    indices: {
      ...{ name: 'w_indices', dims: shape, data_type: 7 },
      raw_data: bytesOf(BigInt64Array.from(indices.flat().map(BigInt))),
    },
    dims,
  };
}

const cutOff = ({ values, ...others }: ReturnType<typeof sparse>) => ({
  ...others,
  values: { ...values, raw_data: values.raw_data.subarray(0, 7) },
});

/** x [1, 3] · w [3, 4], w a sparse initializer or the sparse value of a Constant; in a branch or not. */
function sparseModel(w: object, as: 'initializer' | 'constant' = 'initializer', isInside = false) {
  const g = new GraphBuilder();
  g.input('x', [1, 3]);
  const part = (graph: GraphBuilder, to: string) => {
    if (as === 'constant') {
      const carried = { type: 11, sparse_tensor: w };
      graph.node('Constant', [], 'w', { sparse_value: { kind: 'opaque', carried } });
    }
    graph.node('MatMul', ['x', 'w'], to);
    const carried: Carried = { name: 'part', ...(as === 'initializer' && { sparse_initializer: [w] }) };
    return { ...graph.graph, carried };
  };
  if (!isInside) {
    const graph = part(g, 'y');
    g.output('y', [1, 4]);
    return encodeModel({ ...g.build(), graph });
  }
  g.input('c', [], 'bool');
  const inner = new GraphBuilder();
  inner.output('t', [1, 4]);
  const other = new GraphBuilder();
  other.constant('e', [1, 4], [1, 2, 3, 4]);
  other.output('e', [1, 4]);
  g.node('If', ['c'], 'y', {
    then_branch: { kind: 'graph', value: part(inner, 't') },
    else_branch: { kind: 'graph', value: other.graph },
  });
  g.output('y', [1, 4]);
  return encodeModel(g.build());
}

const feed = {
  ...randomFeed('x', [1, 3], 1),
  c: { type: 'bool', dims: [], data: Uint8Array.of(1) },
} as const;
const runOf = async (file: Uint8Array, isInside: boolean) => {
  const { c, ...x } = feed;
  return (await runIn('disabled', file, isInside ? { ...x, c } : x)).get('y')?.data;
};

test.each([
  ['an initializer, its places in the flattened tensor', 'initializer', [1, 7, 10]],
  [
    'an initializer, its places in rows and columns',
    'initializer',
    [
      [0, 1],
      [1, 3],
      [2, 2],
    ],
  ],
  ['the value of a Constant', 'constant', [1, 7, 10]],
] as const)('%s is dense, with what the runtime makes of the file', async (_, as, indices) => {
  for (const isInside of [false, true]) {
    const file = sparseModel(sparse([3, 4], [2, -3, 0.5], indices), as, isInside);
    const { model } = await loadModel(temporaryFile('m.onnx', file));
    expect(await runOf(encodeModel(model), isInside)).toEqual(await runOf(file, isInside));
    if (isInside || as === 'constant') continue;
    const w = model.graph.initializers.get('w');
    expect(w && [...floatsOf(w)]).toEqual([0, 2, 0, 0, 0, 0, 0, -3, 0, 0, 0.5, 0]);
    expect(model.graph.carried).not.toHaveProperty('sparse_initializer');
  }
});

it.each([
  ['places beyond its shape', sparse([3, 4], [1, 2], [0, 12])],
  ['a column beyond its row', sparse([3, 4], [1], [[0, 5]])],
  ['more places than values', sparse([3, 4], [1], [0, 1])],
  ['a shape that is no shape', sparse([-3, -4], [1], [0])],
  ['a shape of gigabytes for one value', sparse([2 ** 20, 2 ** 12], [1], [0])],
  ['a place beyond 2^53', sparse([3, 4], [1], [2n ** 62n])],
  ['values that are cut off', cutOff(sparse([3, 4], [1, 2], [0, 5]))],
  ['no indices', { values: sparse([3], [1], [0]).values, dims: [3, 4] }],
])('refuses %s', async (_, w) => {
  const error = await expectRefusal(
    () => loadModel(temporaryFile('m.onnx', sparseModel(w))),
    'model-malformed',
    2,
  );
  expect(error.facts.reason).toContain('tensor "w"');
});
