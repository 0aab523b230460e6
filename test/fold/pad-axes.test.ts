import { expect, it } from 'vitest';
import { defaultForm } from '../../src/fold/folded-form.js';
import { padAxes } from '../../src/fold/pad-axes.js';
import { integersOf } from '../../src/graph/tensor.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

const context = { evaluate: async () => new Map(), form: defaultForm };

/** Conv → Pad by axes → Conv. */
function padded(axes: readonly number[], shape: readonly (number | string)[] = [1, 3, 6, 6]): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', shape);
  g.constant('w1', [4, 3, 3, 3], randomFloats(108, 1));
  g.constant('w2', [4, 4, 3, 3], randomFloats(144, 2));
  g.constant('pads', [4], BigInt64Array.of(1n, 2n, 3n, 4n));
  g.constant('axes', [2], BigInt64Array.from(axes, BigInt));
  g.node('Conv', ['x', 'w1'], 'a');
  g.node('Pad', ['a', 'pads', '', 'axes'], 'p');
  g.node('Conv', ['p', 'w2'], 'y');
  g.output('y');
  return g;
}

it.each([
  [
    [2, 3],
    [0, 0, 1, 2, 0, 0, 3, 4],
  ],
  [
    [-1, -2],
    [0, 0, 2, 1, 0, 0, 4, 3],
  ],
])('axes %j become pads of every axis, and the output stays', async (axes, expected) => {
  const model = padded(axes).build({ opset: 18 });
  const feed = randomFeed('x', [1, 3, 6, 6], 5);
  const before = await runIn('basic', model, feed);
  expect(padAxes.run(model, context)).toBe(1);
  const pad = model.graph.nodes.find(({ opType }) => opType === 'Pad');
  expect(pad?.inputs).toHaveLength(2);
  const pads = model.graph.initializers.get(pad?.inputs[1] ?? '');
  expect(pads && integersOf(pads)).toEqual(expected);
  expect(await runIn('basic', model, feed)).toEqual(before);
  const { bytes, feeds } = await quantizeModel(model);
  for (const each of feeds)
    expect((await runIn('default', bytes, each)).get('y')?.dims).toEqual(before.get('y')?.dims);
});

it('computed pads, and data of unknown rank, are left alone', () => {
  const computed = padded([2, 3]).build({ opset: 18 });
  computed.graph.initializers.delete('pads');
  expect(padAxes.run(computed, context)).toBe(0);
  const unknown = padded([2, 3]).build({ opset: 18 });
  unknown.graph.inputs = [{ name: 'x', dataType: 'float32', shape: undefined }];
  expect(padAxes.run(unknown, context)).toBe(0);
});
