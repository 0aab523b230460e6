import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('Resize');

test('cubic interpolation has no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 2, 2]);
  g.constant('scales', [4], [1, 1, 2, 2]);
  g.node('Resize', ['x', '', 'scales'], 'y', { mode: 'cubic' });
  expect(refusalOf(g, 'x', { x: [1, 1, 2, 2], y: [1, 1, 4, 4] })).toBe('interpolates by cubic');
});
