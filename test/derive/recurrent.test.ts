import { expect, it } from 'vitest';
import { reverse } from '../../src/derive/reverse.js';
import { attribute, node } from '../../src/graph/model.js';
import { GraphBuilder } from '../support/graph-builder.js';

const SHAPES = { x: [5, 2, 3], w: [1, 16, 3], r: [1, 16, 4], y: [5, 1, 2, 4], loss: [] } as const;
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Why no gradient gets through an LSTM that is changed so. */
function refusalOf(change: (made: ReturnType<typeof node>) => void): string | undefined {
  const g = new GraphBuilder();
  const made = node('LSTM', ['x', 'w', 'r', '', '', '', '', ''], ['y'], { hidden_size: attribute.int(4) });
  change(made);
  g.graph.nodes.push(made, node('ReduceSum', ['y'], ['loss'], { keepdims: attribute.int(0) }));
  const shapes = new Map(
    Object.entries(SHAPES).map(([name, dims]) => [name, { dataType: 'float32' as const, dims }]),
  );
  const reversed = reverse(g.graph, 'loss', ['w'], { shapes });
  return reversed.kind === 'refused' ? reversed.refusals[0]?.reason : undefined;
}

it.each<[string, (made: ReturnType<typeof node>) => void]>([
  ['has samples of different lengths', ({ inputs }) => inputs.splice(4, 1, 'lengths')],
  ['has peepholes', ({ inputs }) => inputs.splice(7, 1, 'p')],
  ['has a clip', ({ attributes }) => attributes.set('clip', attribute.float(3))],
  ['has its batch along the first axis', ({ attributes }) => attributes.set('layout', attribute.int(1))],
  [
    'has its forget gate bound to the input gate',
    ({ attributes }) => attributes.set('input_forget', attribute.int(1)),
  ],
  [
    'has other activation functions than Sigmoid, Tanh, Tanh',
    ({ attributes }) =>
      attributes.set('activations', { kind: 'strings', value: ['Sigmoid', 'Relu', 'Tanh'].map(utf8) }),
  ],
])('an LSTM that %s has no derivative', (reason, change) => {
  expect(refusalOf(change)).toBe(reason);
});

it('one that says the usual functions has', () => {
  const usual = ['sigmoid', 'Tanh', 'Tanh'].map(utf8);
  expect(
    refusalOf(({ attributes }) => attributes.set('activations', { kind: 'strings', value: usual })),
  ).toBe(undefined);
});
