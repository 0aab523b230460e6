import { expect, test } from 'vitest';
import { qdqForm } from '../../src/graph/qdq-form.js';
import { floatNet, operatorNet } from '../support/foreign-models.js';
import { randomFeed } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

test('operators on integers, and what they stand for, give the same', async () => {
  const model = operatorNet();
  const form = qdqForm(model);
  expect(form.graph.nodes.map(({ opType }) => opType)).not.toContain('QLinearConv');
  const feed = randomFeed('x', [1, 2, 6, 6], 3);
  const [wanted, made] = [await runIn('disabled', model, feed), await runIn('exact', form, feed)];
  const [a, b] = [wanted, made].map((run) => numbersOf(run.get('y')));
  expect(b).toEqual(a?.map((y) => expect.closeTo(y, 4)));
});

test('a model without them stays as it is', () => {
  const model = floatNet();
  expect(qdqForm(model)).toBe(model);
});
