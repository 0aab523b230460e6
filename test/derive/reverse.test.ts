import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { derivatives } from '../../src/derive/derivatives.js';
import { type OwnGradient, reverse, type ValueShape } from '../../src/derive/reverse.js';
import { numbersOf } from '../../src/numerics/nd-array.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

const floats = (shapes: Record<string, readonly number[]>): Map<string, ValueShape> =>
  new Map(Object.entries(shapes).map(([name, dims]) => [name, { dataType: 'float32', dims }]));

/** The gradients of a graph without inputs, by name. */
async function gradients(
  g: GraphBuilder,
  loss: string,
  parameters: string[],
  shapes: Record<string, readonly number[]>,
  own: OwnGradient[] = [],
): Promise<Record<string, number[]>> {
  const reversed = reverse(g.graph, loss, parameters, { shapes: floats(shapes), own });
  if (reversed.kind === 'refused') throw new Error(JSON.stringify(reversed));
  const names = [...new Set(reversed.gradients.values())];
  const outputs = names.map((name) => ({ name, dataType: 'float32' as const, shape: undefined }));
  const model = { ...g.build(), graph: { ...reversed.graph, outputs } };
  const found = await runIn('disabled', model, {});
  return Object.fromEntries(
    parameters.map((name) => {
      const array = found.get(reversed.gradients.get(name) ?? '');
      return [name, array ? Array.from(numbersOf(array)) : []];
    }),
  );
}

test('a value that is read twice gets the sum: d(x² + 3x) = 2x + 3', async () => {
  const g = new GraphBuilder();
  g.constant('x', [2], [1, -2]);
  g.constant('three', [], [3]);
  g.node('Mul', ['x', 'x'], 'square');
  g.node('Mul', ['x', 'three'], 'triple');
  g.node('Add', ['square', 'triple'], 'y');
  const shapes = { x: [2], square: [2], triple: [2], y: [2] };
  expect(await gradients(g, 'y', ['x'], shapes)).toEqual({ x: [5, -1] });
});

test('a parameter that the loss does not depend on has the gradient 0', async () => {
  const g = new GraphBuilder();
  g.constant('x', [2], [1, 2]);
  g.constant('other', [3], [1, 2, 3]);
  g.node('Exp', ['other'], 'unread');
  g.node('Relu', ['x'], 'y');
  const shapes = { x: [2], other: [3], unread: [3], y: [2] };
  expect(await gradients(g, 'y', ['x', 'other'], shapes)).toEqual({ x: [1, 1], other: [0, 0, 0] });
});

test('a gradient of one’s own goes past the nodes: a rounding straight through', async () => {
  const g = new GraphBuilder();
  g.constant('x', [3], [0.4, 1.7, -2.2]);
  g.constant('w', [3], [2, 3, 5]);
  g.node('Round', ['x'], 'rounded');
  g.node('Mul', ['rounded', 'w'], 'y');
  const own: OwnGradient = {
    output: 'rounded',
    inputs: ['x'],
    derive: (_, [gradient]) => ({ nodes: [], gradients: [gradient] }),
  };
  const shapes = { x: [3], w: [3], rounded: [3], y: [3] };
  expect(await gradients(g, 'y', ['x', 'w'], shapes, [own])).toEqual({ x: [2, 3, 5], w: [0, 2, -2] });
});

test('every operator without a rule is named, those beside the way are not', () => {
  const g = new GraphBuilder();
  g.input('x', [4]);
  g.node('Det', ['side'], 'beside');
  g.node('Round', ['x'], 'rounded');
  g.node('Cos', ['rounded'], 'y');
  const reversed = reverse(g.graph, 'y', ['x'], { shapes: floats({ x: [4], rounded: [4], y: [4] }) });
  expect(reversed).toEqual({
    kind: 'refused',
    refusals: [{ node: 'y', opType: 'Cos', reason: 'has no derivative' }],
  });
});

test('the graph given stays as it is', () => {
  const g = new GraphBuilder();
  g.input('x', [1, 1, 4, 4]);
  g.node('MaxPool', ['x'], 'y', { kernel_shape: [2, 2] });
  const before = JSON.stringify(g.graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]));
  reverse(g.graph, 'y', ['x'], { shapes: floats({ x: [1, 1, 4, 4], y: [1, 1, 3, 3] }) });
  expect(JSON.stringify(g.graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]))).toBe(before);
  expect(g.graph.initializers.size).toBe(0);
});

test('every rule has golden gradients, and no operator has two rules', () => {
  const golden = readdirSync(new URL('golden', import.meta.url)).map((name) => name.replace('.json', ''));
  const operators = derivatives.map(({ opType }) => opType);
  expect(golden.sort()).toEqual([...operators].sort());
  expect(new Set(operators).size).toBe(operators.length);
});
