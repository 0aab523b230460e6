import { expect, test } from 'vitest';
import { initializerInputs } from '../../src/fold/initializer-inputs.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { randomFeed } from '../support/graph-builder.js';
import { smallModel } from '../support/small-model.js';

test.each([
  [3, 4],
  [4, 4],
  [8, 8],
])('listed weights become constants; IR %i becomes %i', async (irVersion, expected) => {
  const model = smallModel({ irVersion });
  model.graph.inputs.push({ name: 'w', dataType: 'float32', shape: [4, 3] });
  model.graph.inputs.unshift({ name: 'b', dataType: 'float32', shape: [3] });
  expect(await foldWith(initializerInputs, model, randomFeed('x', [1, 4], 1), ['MatMul', 'Add'])).toBe(2);
  expect(model.graph.inputs.map((input) => input.name)).toEqual(['x']);
  expect([...model.graph.initializers.keys()]).toEqual(['w', 'b']);
  expect(model.irVersion).toBe(expected);
});

test('inputs that have no initializer stay', async () => {
  await leavesAlone(initializerInputs, smallModel());
});
