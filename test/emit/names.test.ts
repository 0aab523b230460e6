import { expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

/** x → Relu → MatMul "/head/MatMul" → y, read from a file: such nodes carry fields that are not looked at. */
function named(shape: readonly number[]) {
  const net = new Net();
  net.input('x', shape);
  const model = finish(net, net.matMul(net.node('Relu', ['x'], 'r'), 'y', 8, 4));
  const nodes = model.graph.nodes.map((node) =>
    node.opType === 'MatMul' ? { ...node, name: '/head/MatMul' } : node,
  );
  return decodeModel(encodeModel({ ...model, graph: { ...model.graph, nodes } }));
}

it.each<[string, readonly number[], 'static' | 'float' | 'dynamic']>([
  ['rows of several axes on integers', [2, 3, 8], 'static'],
  ['a matrix on integers', [6, 8], 'static'],
  ['weights alone in few bits', [2, 3, 8], 'float'],
  ['ranges found at every run', [2, 3, 8], 'dynamic'],
])('a bias that a named MatMul did not have: %s', async (_, shape, kind) => {
  const model = named(shape);
  const { plan, feeds } = await quantizeModel(model, { allLayers: true, activations: { kind } });
  const moved = { ...plan, biases: new Map([['y', Float32Array.of(1, 2, 3, 4)]]) };
  const { model: emitted } = emitModel(model, moved);
  const names = decodeModel(encodeModel(emitted)).graph.nodes.flatMap(({ name }) => name || []);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('/head/MatMul');
  const [feed] = feeds;
  if (!feed) throw new Error('no samples');
  const result = (await runIn('default', encodeModel(emitted), feed)).get('y')?.data as Float32Array;
  const float = (await runIn('disabled', model, feed)).get('y')?.data as Float32Array;
  result.forEach((value, i) => {
    expect(Math.abs(value - (float[i] as number) - ((i % 4) + 1))).toBeLessThan(0.1);
  });
});
