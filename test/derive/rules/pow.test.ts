import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('Pow');

test('an integer power has no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.constant('p', [], BigInt64Array.of(2n));
  g.node('Pow', ['x', 'p'], 'y');
  expect(refusalOf(g, 'x', { x: [2], y: [2] })).toBe('has a power of another type than its base');
});
