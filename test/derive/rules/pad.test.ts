import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('Pad');

test('computed paddings have no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [4]);
  g.input('pads', [2], 'int64');
  g.node('Pad', ['x', 'pads'], 'y');
  expect(refusalOf(g, 'x', { x: [4], y: [6] })).toBe('has computed paddings');
});
