import { expect, test } from 'vitest';
import { bitsOf, dataTypeCodes, dataTypeOf, isArrayType } from '../../src/graph/data-type.js';
import {
  attribute,
  floatAttribute,
  inputAt,
  intAttribute,
  intsAttribute,
  isOp,
  node,
  opsetOf,
  stringAttribute,
  subgraphsOf,
} from '../../src/graph/model.js';
import { GraphBuilder } from '../support/graph-builder.js';

const call = node('Conv', ['x', '', 'b'], ['y', 'z'], {
  group: attribute.int(2),
  pads: attribute.ints([1, 2]),
  alpha: attribute.float(0.5),
  auto_pad: attribute.string('SAME_UPPER'),
});

test('a node is named by its first output', () => {
  expect(call).toMatchObject({ id: 'y', name: undefined, domain: '' });
  expect([0, 1, 2, 3].map((index) => inputAt(call, index))).toEqual(['x', undefined, 'b', undefined]);
});

test('attributes, and what stands in for those that are absent or of another kind', () => {
  expect([
    intAttribute(call, 'group', 1),
    intAttribute(call, 'none', 7),
    intAttribute(call, 'alpha', 7),
  ]).toEqual([2, 7, 7]);
  expect([floatAttribute(call, 'alpha', 1), floatAttribute(call, 'group', 1)]).toEqual([0.5, 1]);
  expect([intsAttribute(call, 'pads'), intsAttribute(call, 'group')]).toEqual([[1, 2], undefined]);
  expect([stringAttribute(call, 'auto_pad', ''), stringAttribute(call, 'none', 'NOTSET')]).toEqual([
    'SAME_UPPER',
    'NOTSET',
  ]);
});

test('an integer too large for a number is refused, not rounded', () => {
  const huge = node('Conv', [], ['y'], { group: attribute.int(2n ** 63n - 1n) });
  expect(() => intAttribute(huge, 'group', 1)).toThrow('too large');
});

test('only the default domain has the operators of the specification', () => {
  expect(isOp(call, 'Gemm', 'Conv')).toBe(true);
  expect(isOp({ ...call, domain: 'com.microsoft' }, 'Conv')).toBe(false);
  expect(isOp(call, 'conv')).toBe(false);
});

test('the version of the default operator set', () => {
  const model = new GraphBuilder().build({ opset: 21 });
  expect(opsetOf(model)).toBe(21);
  expect(opsetOf({ ...model, opsets: new Map([['com.microsoft', 1]]) })).toBe(1);
});

test('subgraphs are found in single attributes and in lists', () => {
  const [a, b, c] = [new GraphBuilder().graph, new GraphBuilder().graph, new GraphBuilder().graph];
  const found = subgraphsOf(
    node('Custom', [], [], {
      body: { kind: 'graph', value: a },
      count: attribute.int(1),
      branches: { kind: 'graphs', value: [b, c] },
    }),
  );
  expect(found.map((graph) => [a, b, c].indexOf(graph))).toEqual([0, 1, 2]);
});

test('element types, by the codes of the specification', () => {
  expect([1, 6, 7, 10, 16, 21, 22, 26].map(dataTypeOf)).toEqual([
    'float32',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'uint4',
    'int4',
    'int2',
  ]);
  expect([0, 27, -1].map(dataTypeOf)).toEqual([undefined, undefined, undefined]);
  expect(dataTypeCodes.float64).toBe(11);
  expect((['float32', 'int4', 'uint2', 'bfloat16', 'complex128', 'string'] as const).map(bitsOf)).toEqual([
    32,
    4,
    2,
    16,
    128,
    undefined,
  ]);
  expect((['float16', 'bfloat16', 'int4', 'string', undefined] as const).map(isArrayType)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
