import { expect, it } from 'vitest';
import { constantOperands } from '../../src/fold/constant-operands.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

/** x → opType with a constant on the right → y. */
function withConstant(opType: string, values: number[]): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [2, 4]);
  g.constant('c', [values.length], values);
  g.node(opType, ['x', 'c'], 'y');
  g.output('y', [2, 4]);
  return g;
}

const feed = randomFeed('x', [2, 4], 1);

it.each([
  ['Sub', 'Add', [0.5, -2, 0, 8], [-0.5, 2, -0, -8]],
  ['Div', 'Mul', [0.5, -2, 8, 4], [2, -0.5, 0.125, 0.25]],
])('%s of a constant becomes %s', async (from, to, values, expected) => {
  const model = withConstant(from, values).build();
  expect(await foldWith(constantOperands, model, feed, [to])).toBe(1);
  const constant = model.graph.initializers.get(model.graph.nodes[0]?.inputs[1] ?? '') ?? expect.fail();
  expect([...floatsOf(constant)]).toEqual(expected);
});

it('a constant that others read too stays theirs', async () => {
  const g = withConstant('Sub', [1, 2, 3, 4]);
  g.node('Mul', ['x', 'c'], 'z');
  g.output('z', [2, 4]);
  expect(await foldWith(constantOperands, g.build(), feed, ['Add', 'Mul'])).toBe(1);
});

it.each([
  ['by 0', [1, 0, 1, 1]],
  ['by what has an infinite reciprocal', [1, 2 ** -129, 1, 1]],
  ['by what has a denormal reciprocal', [1, 3e38, 1, 1]],
])('a division %s stays', async (_, values) => {
  await leavesAlone(constantOperands, withConstant('Div', values).build());
});

it('integers, a constant on the left and the Div of a Gelu stay', async () => {
  const integers = new GraphBuilder();
  integers.input('x', [2], 'int64');
  integers.constant('c', [2], BigInt64Array.of(3n, 2n));
  integers.node('Div', ['x', 'c'], 'y');
  integers.output('y', [2], 'int64');
  await leavesAlone(constantOperands, integers.build());

  const left = withConstant('Sub', [1, 2, 3, 4]);
  for (const node of left.graph.nodes) node.inputs.reverse();
  await leavesAlone(constantOperands, left.build());

  const gelu = withConstant('Div', [Math.SQRT2]);
  gelu.node('Erf', ['y'], 'e');
  gelu.output('e', [2, 4]);
  await leavesAlone(constantOperands, gelu.build());
});
