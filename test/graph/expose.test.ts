import { expect, test } from 'vitest';
import { exposing } from '../../src/graph/expose.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

test('inner values become outputs, once each, and the model stays as it was', async () => {
  const g = new GraphBuilder();
  g.input('x', [3]);
  g.node('Relu', ['x'], 'a');
  g.node('Neg', ['a'], 'y');
  g.output('y', [3]);
  const model = g.build();
  const exposed = exposing(model, ['a', 'y', 'a']);
  expect(model.graph.outputs.map((output) => output.name)).toEqual(['y']);
  const x = { type: 'float32', dims: [3], data: Float32Array.of(-1, 2, 3) } as const;
  const outputs = await runIn('disabled', exposed, { x });
  expect([...outputs.keys()]).toEqual(['y', 'a']);
  expect(numbersOf(outputs.get('a'))).toEqual([0, 2, 3]);
});
