import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('BatchNormalization');

test('training mode has no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1]);
  for (const name of ['scale', 'bias', 'mean', 'variance']) g.constant(name, [1], [1]);
  g.node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'variance'], 'y', { training_mode: 1 });
  expect(refusalOf(g, 'x', { x: [1, 1], y: [1, 1] })).toBe('is in training mode');
});
