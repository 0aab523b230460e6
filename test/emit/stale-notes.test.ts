import { expect, test } from 'vitest';
import { emitPlan } from '../../src/emit/emit-plan.js';
import { dropStaleNotes } from '../../src/emit/stale-notes.js';
import type { Model } from '../../src/graph/model.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';

const annotation = (tensor_name: string, scale: string) => ({
  tensor_name,
  quant_parameter_tensor_names: [{ key: 'SCALE_TENSOR', value: scale }],
});

/** A training that gives `initializer` what `read` holds. */
const training = (initializer: string, read: string, start = initializer) => ({
  initialization: { node: [{ op_type: 'Identity', input: [read], output: ['started'] }], name: 'start' },
  algorithm: { node: [{ op_type: 'Identity', input: [read], output: ['next'] }], name: 'step' },
  initialization_binding: [{ key: start, value: 'started' }],
  update_binding: [{ key: initializer, value: 'next' }],
});

/** x → MatMul by `w` → Add of `kept` → y, with notes on it, through the bytes of a file. */
function noted(annotations: readonly object[], trainings: readonly object[]): Model {
  const g = new GraphBuilder();
  g.input('x', [2, 8]);
  g.constant('w', [8, 8], randomFloats(64, 1));
  g.constant('kept', [8], randomFloats(8, 2));
  g.node('MatMul', ['x', 'w'], 'm');
  g.node('Add', ['m', 'kept'], 'y');
  g.output('y');
  const model = g.build();
  const graph = { ...model.graph, carried: { quantization_annotation: annotations } };
  return decodeModel(encodeModel({ ...model, graph, carried: { training_info: trainings } }));
}

const notesOf = ({ graph, carried }: Model) => ({
  annotated: ((graph.carried?.quantization_annotation ?? []) as { tensor_name: string }[]).map(
    (each) => each.tensor_name,
  ),
  trained: ((carried?.training_info ?? []) as { update_binding: { key: string }[] }[]).map(
    (each) => each.update_binding[0]?.key,
  ),
});

test('notes of values that are there stay, to the byte', () => {
  const model = noted([annotation('m', 'kept')], [training('kept', 'm'), training('w', 'w')]);
  const before = encodeModel(model);
  dropStaleNotes(model);
  expect(Buffer.compare(encodeModel(model), before)).toBe(0);
});

test('notes that name a value that is gone go', () => {
  const model = noted(
    [annotation('m', 'kept'), annotation('gone', 'kept'), annotation('y', 'gone')],
    [training('kept', 'm'), training('gone', 'm'), training('w', 'gone'), training('w', 'm', 'gone')],
  );
  dropStaleNotes(model);
  expect(notesOf(model)).toEqual({ annotated: ['m'], trained: ['kept'] });
});

test('a weight in few bits takes its notes with it; the float model keeps them', async () => {
  const model = noted([annotation('y', 'kept'), annotation('w', 'kept')], [training('w', 'x')]);
  const recipe = { activations: { kind: 'float' } } as const;
  const { plan } = await quantizeModel(model, recipe);
  const { emitted } = emitPlan(model, plan);
  expect(notesOf(emitted.model)).toEqual({ annotated: ['y'], trained: [] });
  expect(notesOf(model)).toEqual({ annotated: ['y', 'w'], trained: ['w'] });
});
