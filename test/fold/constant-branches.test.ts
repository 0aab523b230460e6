import { expect, it } from 'vitest';
import { constantBranches } from '../../src/fold/constant-branches.js';
import { place, refuseEmpty } from '../../src/place/place.js';
import { defaultRecipe } from '../../src/recipe.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { refusalOf } from '../support/refusal.js';

const feed = randomFeed('x', [2, 3], 1);

/** A branch that adds its own constant, under the names `t` and `k`, and may hold another If. */
function adding(value: number, nested?: boolean) {
  const g = new GraphBuilder();
  g.constant('k', [], [value]);
  g.node('Add', ['x', 'k'], 't');
  if (nested === undefined) g.output('t');
  else {
    g.node('If', [boolConstant(g, 'inner', nested)], 'u', {
      then_branch: negated('Neg'),
      else_branch: negated('Abs'),
    });
    g.output('u');
  }
  return { kind: 'graph', value: g.graph } as const;
}

function negated(opType: string) {
  const g = new GraphBuilder();
  g.output(g.node(opType, ['t'], 'n'));
  return { kind: 'graph', value: g.graph } as const;
}

it('an If with a constant condition becomes its branch, names that are taken twice included', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  g.node('If', [boolConstant(g, 'yes', true)], 'a', { then_branch: adding(1), else_branch: adding(2) });
  g.node('If', [boolConstant(g, 'no', false)], 'b', { then_branch: adding(3), else_branch: adding(4) });
  g.output(g.node('Mul', ['a', 'b'], 'y'));
  const model = g.build();
  expect(await foldWith(constantBranches, model, feed, ['Add', 'Add', 'Mul'])).toBe(2);
  expect(new Set(model.graph.nodes.map(({ id }) => id)).size).toBe(3);
});

it('an If inside is looked at in turn', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  const branches = { then_branch: adding(1, true), else_branch: adding(2, false) };
  g.output(g.node('If', [boolConstant(g, 'no', false)], 'y', branches));
  expect(await foldWith(constantBranches, g.build(), feed, ['Add', 'Abs'])).toBe(2);
});

it('an output that is a constant of the branch is copied', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  const outside = new GraphBuilder();
  outside.constant('k', [2, 3], [1, 2, 3, 4, 5, 6]);
  outside.output('k');
  const branch = { kind: 'graph', value: outside.graph } as const;
  g.output(g.node('If', [boolConstant(g, 'c', true)], 'y', { then_branch: branch, else_branch: branch }));
  expect(await foldWith(constantBranches, g.build(), feed, ['Identity'])).toBe(1);
});

it('an If whose condition is fed stays', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  g.input('c', [], 'bool');
  ifNode(g, 'c', 'y', 'Relu', ['x']);
  g.output('y');
  const fed = { ...feed, c: { type: 'bool', dims: [], data: Uint8Array.of(1) } } as const;
  expect(await foldWith(constantBranches, g.build(), fed, ['If'])).toBe(0);
});

it('a layer in a branch is quantized, and one of two activations is named where it is all there is', async () => {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  g.input('c', [], 'bool');
  g.constant('w', [3, 3], Array(9).fill(1));
  ifNode(g, 'c', 'y', 'MatMul', ['x', 'w']);
  g.output('y');
  const model = g.build();
  const placed = place(model, defaultRecipe, 'm.onnx');
  expect(placed.weighted.map(({ node }) => node.id)).toEqual(['y_then', 'y_else']);
  model.graph.initializers.clear();
  model.graph.inputs.push({ name: 'w', dataType: 'float32', shape: [3, 3] });
  const { message } = await refusalOf(() =>
    refuseEmpty(model, place(model, defaultRecipe, 'm.onnx'), 'm.onnx'),
  );
  expect(message).toContain('of MatMul "y_then", both operands are activations');
});
