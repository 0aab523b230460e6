import { expect, test } from 'vitest';
import { floatConstantsOf } from '../../src/report/float-constants.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';

/** A layer and its weight, an operator with a table of 64 KiB, and one with a small one. */
function graph() {
  const g = new GraphBuilder();
  g.input('x', [4, 128]);
  g.constant('w', [128, 128], randomFloats(128 * 128, 1));
  g.constant('table', [128, 128], randomFloats(128 * 128, 2));
  g.constant('small', [128], randomFloats(128, 3));
  g.node('MatMul', ['x', 'w'], 'layer');
  g.node('Mystery', ['layer', 'table', 'small'], 'y');
  g.node('Mystery', ['y', 'table'], 'z');
  g.output('z');
  return g.graph;
}

test('large constants of what is no layer count, once', () => {
  const found = floatConstantsOf(graph(), graph(), new Set(['layer']));
  expect(found).toMatchObject({ bytes: 65_536, reader: { id: 'y', opType: 'Mystery' } });
});

test('what a layer reads, and what is stored in few bits, does not count', () => {
  const quantized = graph();
  expect(floatConstantsOf(graph(), quantized, new Set(['layer', 'y']))).toBeUndefined();
  quantized.initializers.delete('table');
  expect(floatConstantsOf(graph(), quantized, new Set(['layer']))).toBeUndefined();
});
