import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('LayerNormalization');

test('with its mean read there is no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [2, 4]);
  g.constant('scale', [4], [1, 1, 1, 1]);
  g.node('LayerNormalization', ['x', 'scale'], ['normal', 'mean']);
  g.node('Add', ['normal', 'mean'], 'y');
  const shapes = { x: [2, 4], scale: [4], normal: [2, 4], mean: [2, 1], y: [2, 4] };
  expect(refusalOf(g, 'x', shapes)).toBe('has its mean or deviation read');
});
