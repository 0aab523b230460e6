import { expect, test } from 'vitest';
import { QuantizeError } from '../../src/errors.js';
import type { Model } from '../../src/graph/model.js';
import { withOriginal } from '../../src/load/with-original.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';
import { temporaryFile } from '../support/temporary-file.js';

const loadedOf = (model: Model, isGiven = false) => {
  const path = temporaryFile('m.onnx', encodeModel(model));
  return { path, runs: path, isGiven };
};

test('gives what the work gives', async () => {
  const outputs = await withOriginal(loadedOf(smallModel()), 1, (session) =>
    session.run(randomFeed('x', [1, 4], 1)),
  );
  expect(outputs.get('y')?.dims).toEqual([1, 3]);
});

test('a model that the runtime refuses is the user’s to mend', async () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('NoSuchOperator', ['x'], 'y');
  g.output('y', [1]);
  const error = await expectRefusal(
    () => withOriginal(loadedOf(g.build()), 1, async () => {}),
    'runtime-refused-input',
    2,
  );
  expect(error.message).toContain('NoSuchOperator');
  // Said once, by us and not also by the error below.
  expect(error.message.match(/onnxruntime cannot load/g)).toHaveLength(1);
});

test('a shape that the model cannot compute with is the flag’s fault, not the model’s', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 5]);
  g.constant('k', [1, 4], [1, 2, 3, 4]);
  g.output(g.node('Mul', ['x', 'k'], 'y'));
  const run = () => withOriginal(loadedOf(g.build(), true), 1, async () => {});
  const error = await expectRefusal(run, 'bad-option', 2);
  expect(error.message).toContain('--shape (or --set) makes a model that does not compute: ');
});

test('what fails in the work is passed on as it is', async () => {
  const own = new QuantizeError('data-empty', { path: 'x' });
  const run = () => withOriginal(loadedOf(smallModel()), 1, () => Promise.reject(own));
  await expect(run()).rejects.toBe(own);
});
