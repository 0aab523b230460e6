import { expect, test } from 'vitest';
import { foldModel } from '../../src/fold/fold-model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { exportedModel } from '../support/exported-model.js';
import { batchNormInputs } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { expectSameOutputs, opTypes } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';
import { smallModel } from '../support/small-model.js';

test('every pass does its part, and the model computes what it did', async () => {
  const bytes = encodeModel(exportedModel());
  const feed = randomFeed('x', [2, 3, 6, 6], 7);
  // From bytes, as a user's model comes: what a builder makes and what a decoder reads must fold alike.
  const model = decodeModel(bytes);
  const reports = await foldModel(model);
  expect(opTypes(model)).toEqual(['Conv', 'Relu', 'Mul', 'Add', 'Conv', 'Reshape', 'Gemm']);
  expect(reports.map(({ pass, changes }) => [pass, changes])).toEqual([
    ['constant-nodes', 2],
    ['constant-subgraphs', 1],
    ['identities', 2],
    ['dead-code', 2],
    ['affine-into-previous', 1],
    ['lone-batch-norm', 1],
    ['gemm-factors', 1],
    ['dead-code', 8],
  ]);
  expect([...model.batchNorms.keys()]).toEqual(['n1', 'n2']);
  expectSameOutputs(await runIn('disabled', model, feed), await runIn('disabled', bytes, feed));
});

test('folding again changes nothing', async () => {
  const model = exportedModel();
  await foldModel(model);
  const once = encodeModel(model);
  expect(await foldModel(model)).toEqual([]);
  expect(Buffer.compare(encodeModel(model), once)).toBe(0);
});

test('a model with nothing to fold stays as it is, to the byte', async () => {
  const model = smallModel();
  const before = encodeModel(model);
  expect(await foldModel(model)).toEqual([]);
  expect(Buffer.compare(encodeModel(model), before)).toBe(0);
});

test('a constant output and a dead constant part stay computed, or go', async () => {
  const g = new GraphBuilder();
  g.input('x', [1]);
  g.node('Relu', ['x'], 'y');
  g.graph.initializers.set('c', tensorOf({ type: 'float32', dims: [1], data: Float32Array.of(-3) }));
  g.node('Neg', ['c'], 'z');
  g.node('Abs', ['c'], 'dead');
  g.output('y', [1]);
  g.output('z', [1]);
  const model = g.build();
  await foldModel(model);
  expect(opTypes(model)).toEqual(['Relu', 'Neg']);
});

test('thousands of nodes take no time that grows with their square', async () => {
  const g = new GraphBuilder();
  let value = g.input('x', [1]);
  for (let i = 0; i < 20_000; i++) value = g.node('Relu', [value], `r${i}`);
  g.output(value, [1]);
  const started = performance.now();
  await foldModel(g.build());
  // 0.1 s here; an index for each node would take minutes.
  expect(performance.now() - started).toBeLessThan(5000);
});

test('nor do thousands of BatchNormalizations, whichever way they fold', async () => {
  const g = new GraphBuilder();
  let value = g.input('x', [1, 2, 3, 3]);
  for (let i = 0; i < 1500; i++) {
    // One for the layer before it, one that no layer takes.
    g.constant(`w${i}`, [2, 2, 1, 1], [1, 0, 0, 1]);
    g.node('Conv', [value, `w${i}`], `c${i}`);
    g.node('BatchNormalization', batchNormInputs(g, `c${i}`, 2), `n${i}`);
    g.node('Relu', [`n${i}`], `r${i}`);
    value = g.node('BatchNormalization', batchNormInputs(g, `r${i}`, 2), `m${i}`);
    value = g.node('Relu', [value], `s${i}`);
  }
  g.output(value, [1, 2, 3, 3]);
  const started = performance.now();
  const reports = await foldModel(g.build());
  expect(reports.find(({ pass }) => pass === 'affine-into-previous')?.changes).toBe(1500);
  expect(reports.find(({ pass }) => pass === 'lone-batch-norm')?.changes).toBe(1500);
  // 2 s here; an index for each of them takes minutes.
  expect(performance.now() - started).toBeLessThan(30_000);
});
