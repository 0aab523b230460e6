import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('MaxPool');

test('indices by columns have no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 4, 4]);
  g.node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2], storage_order: 1 });
  expect(refusalOf(g, 'x', { x: [1, 1, 4, 4], y: [1, 1, 3, 3] })).toBe('counts its indices by columns');
});
