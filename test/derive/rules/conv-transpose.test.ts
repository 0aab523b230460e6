import { expect, test } from 'vitest';
import { checkOperator, refusalOf } from '../../support/gradient-check.js';
import { GraphBuilder } from '../../support/graph-builder.js';

checkOperator('ConvTranspose');

test('a computed padding has no rule', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 2, 2]);
  g.constant('w', [1, 1, 2, 2], [1, 1, 1, 1]);
  g.node('ConvTranspose', ['x', 'w'], 'y', { output_shape: [4, 4], strides: [2, 2] });
  const shapes = { x: [1, 1, 2, 2], w: [1, 1, 2, 2], y: [1, 1, 4, 4] };
  expect(refusalOf(g, 'x', shapes)).toBe('has its padding computed (output_shape or auto_pad)');
});
