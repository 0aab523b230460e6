import { expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { hashModel } from '../../src/proto/hash.js';
import { smallModel } from '../support/small-model.js';

const changed = (change: (model: Model) => void) => {
  const model = smallModel();
  change(model);
  return hashModel(model);
};

it('is the same for the same model, also after a round trip through a file', () => {
  const hash = hashModel(smallModel());
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(hashModel(smallModel())).toBe(hash);
  const [once, twice] = [1, 2].map(() => hashModel(decodeModel(encodeModel(smallModel()))));
  expect(once).toBe(twice);
});

it('is another for whatever changes the values that the model computes', () => {
  const initializer = (name: string, values: number[]) => (model: Model) =>
    model.graph.initializers.set(
      name,
      tensorOf({ type: 'float32', dims: [values.length], data: Float32Array.from(values) }),
    );
  const hashes = [
    hashModel(smallModel()),
    hashModel(smallModel({ opset: 18 })),
    changed(initializer('b', [1, 2, 3])),
    changed(initializer('b', [1, 2, 4])),
    // The same bytes shared out otherwise.
    changed((model) => {
      initializer('b', [1, 2, 3, 4])(model);
      initializer('c', [5])(model);
    }),
    changed((model) => {
      initializer('b', [1, 2, 3])(model);
      initializer('c', [4, 5])(model);
    }),
    changed((model) => {
      model.graph.initializers.set('b', {
        dataType: 'float32',
        dims: [3],
        storage: { kind: 'typed', field: 'float_data', values: [1, 2, 5] },
      });
    }),
    changed((model) => {
      const [node] = model.graph.nodes;
      if (node) node.inputs = ['x', 'other'];
    }),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
});
