import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('Slice');

test('computed bounds have no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [4]);
  for (const name of ['starts', 'ends']) g.input(name, [1], 'int64');
  g.node('Slice', ['x', 'starts', 'ends'], 'y');
  expect(refusalOf(g, 'x', { x: [4], y: [2] })).toBe('has computed bounds');
});
