import { describe, expect, test } from 'vitest';
import { affineBeforeTranspose } from '../../src/fold/affine-before-transpose.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

const CHANNELS_LAST = [0, 2, 3, 1];

/** x → Conv "c" → Transpose "t" → what `finish` makes of it → y. */
function net(finish: (g: GraphBuilder) => string, perm: number[] = CHANNELS_LAST): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [2, 3, 4, 5]);
  g.constant('w', [4, 3, 1, 1], randomFloats(12, 1));
  g.node('Conv', ['x', 'w'], 'c');
  g.node('Transpose', ['c'], 't', { perm });
  g.constant('k', [4], randomFloats(4, 2, 1, 3));
  g.constant('m', [1, 1, 1, 4], randomFloats(4, 3, 1, 3));
  g.output(finish(g));
  return g;
}

const feed = randomFeed('x', [2, 3, 4, 5], 4);

describe('constants behind the Transpose of a layer', () => {
  test('move before it, one after the other', async () => {
    const g = net((h) => h.node('Add', ['m', h.node('Mul', ['t', 'k'], 'p')], 'y'));
    const model = g.build();
    expect(await foldWith(affineBeforeTranspose, model, feed, ['Conv', 'Mul', 'Add', 'Transpose'])).toBe(2);
    const { nodes, initializers } = model.graph;
    expect(nodes.map(({ id }) => id)).toEqual(['c', 'p', 'y', 't']);
    const shapes = nodes.flatMap(({ inputs }) => inputs).map((name) => initializers.get(name)?.dims);
    expect(shapes).toContainEqual([1, 4, 1, 1]);
  });

  test.each([
    ['Sub, the constant on the left', 'Sub', ['k', 't']],
    ['Div', 'Div', ['t', 'k']],
  ])('move as %s', async (_, opType, inputs) => {
    const g = net((h) => h.node(opType, inputs, 'y'));
    await foldWith(affineBeforeTranspose, g.build(), feed, ['Conv', opType, 'Transpose']);
  });

  test('move by an order that is not its own reverse', async () => {
    const g = net(
      (h) => h.node('Mul', ['t', h.constant('q', [4, 1, 1], randomFloats(4, 5))], 'y'),
      [2, 1, 3, 0],
    );
    await foldWith(affineBeforeTranspose, g.build(), feed, ['Conv', 'Mul', 'Transpose']);
  });
});

describe('and stay', () => {
  test.each<[string, (g: GraphBuilder) => string]>([
    [
      'where they vary along two axes',
      (g) => g.node('Mul', ['t', g.constant('q', [5, 4], randomFloats(20, 5))], 'y'),
    ],
    [
      'where they raise the rank',
      (g) => g.node('Mul', ['t', g.constant('q', [1, 1, 1, 1, 4], randomFloats(4, 5))], 'y'),
    ],
    [
      'where the Transpose is read twice',
      (g) => {
        g.output('t');
        return g.node('Mul', ['t', 'k'], 'y');
      },
    ],
    [
      'where no layer is before it',
      (g) =>
        g.node(
          'Mul',
          [g.node('Transpose', [g.node('Relu', ['c'], 'r')], 'u', { perm: CHANNELS_LAST }), 'k'],
          'y',
        ),
    ],
    ['behind another function', (g) => g.node('Mul', [g.node('Relu', ['t'], 'r'), 'k'], 'y')],
  ])('%s', async (_, finish) => {
    await leavesAlone(affineBeforeTranspose, net(finish).build());
  });
});
