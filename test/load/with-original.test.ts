import { expect, test } from 'vitest';
import { QuantizeError } from '../../src/errors.js';
import { withOriginal } from '../../src/load/with-original.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { smallModel } from '../support/small-model.js';

test('gives what the work gives', async () => {
  const bytes = encodeModel(smallModel());
  const outputs = await withOriginal('m.onnx', bytes, 1, (session) =>
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
    () => withOriginal('m.onnx', encodeModel(g.build()), 1, async () => {}),
    'runtime-refused-input',
    2,
  );
  expect(error.message).toContain('NoSuchOperator');
});

test('what fails in the work is passed on as it is', async () => {
  const own = new QuantizeError('data-empty', { path: 'x' });
  const run = () => withOriginal('m.onnx', encodeModel(smallModel()), 1, () => Promise.reject(own));
  await expect(run()).rejects.toBe(own);
});
