import { describe, expect, test } from 'vitest';
import { identities } from '../../src/fold/identities.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

const feed = randomFeed('x', [3], 1);

function start(): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [3]);
  return g;
}

describe('Identity', () => {
  test('between two nodes', async () => {
    const g = start();
    g.node('Neg', ['x'], 'a');
    g.node('Identity', ['a'], 'b');
    g.node('Exp', ['b'], 'y');
    g.output('y', [3]);
    expect(await foldWith(identities, g.build(), feed, ['Neg', 'Exp'])).toBe(1);
  });

  test('of a graph input, read several times, captured by a subgraph', async () => {
    const g = start();
    g.node('Identity', ['x'], 'a');
    g.node('Identity', ['a'], 'b');
    boolConstant(g, 'no', false);
    ifNode(g, 'no', 'chosen', 'Mul', ['a', 'b']);
    g.node('Add', ['chosen', 'a'], 'y');
    g.output('y', [3]);
    await foldWith(identities, g.build(), feed, ['If', 'Add']);
  });

  test('before a graph output: the maker takes its name, and whoever else read the maker follows', async () => {
    const g = start();
    g.node('Neg', ['x'], 'a');
    g.node('Identity', ['a'], 'y');
    g.node('Exp', ['a'], 'z');
    g.output('y', [3]);
    g.output('z', [3]);
    const model = g.build();
    await foldWith(identities, model, feed, ['Neg', 'Exp']);
    expect(model.graph.nodes.map(({ id }) => id)).toEqual(['a', 'z']);
  });

  test.each<[string, (g: GraphBuilder) => void]>([
    ['a graph input', (g) => g.node('Identity', ['x'], 'y')],
    ['an initializer', (g) => g.node('Identity', [g.constant('c', [3], [1, 2, 3])], 'y')],
    [
      'another graph output',
      (g) => {
        g.node('Neg', ['x'], 'a');
        g.output('a', [3]);
        g.node('Identity', ['a'], 'y');
      },
    ],
  ])('stays where a graph output is %s', async (_, add) => {
    const g = start();
    add(g);
    g.output('y', [3]);
    await leavesAlone(identities, g.build());
  });

  test('of another domain stays', async () => {
    const g = start();
    g.node('Identity', ['x'], 'a');
    g.node('Neg', ['a'], 'y');
    g.output('y', [3]);
    const [identity] = g.graph.nodes;
    if (identity) g.graph.nodes[0] = { ...identity, domain: 'com.example' };
    await leavesAlone(identities, g.build());
  });
});

describe('Dropout', () => {
  /** x → Dropout(ratio 0.5, training mode as given) → y. */
  const withMode = (mode: (g: GraphBuilder) => string | undefined, outputs = ['a']) => {
    const g = start();
    const flag = mode(g);
    g.constant('ratio', [], [0.5]);
    g.node('Dropout', flag === undefined ? ['x'] : ['x', 'ratio', flag], outputs);
    g.node('Neg', ['a'], 'y');
    g.output('y', [3]);
    return g;
  };

  test('without training_mode', async () => {
    await foldWith(identities, withMode(() => undefined).build(), feed, ['Neg']);
  });

  test('with a constant false', async () => {
    await foldWith(identities, withMode((g) => boolConstant(g, 'mode', false)).build(), feed, ['Neg']);
  });

  test('with a mask that nobody reads', async () => {
    await foldWith(identities, withMode(() => undefined, ['a', 'mask']).build(), feed, ['Neg']);
  });

  test('stays in training', async () => {
    await leavesAlone(identities, withMode((g) => boolConstant(g, 'mode', true)).build());
  });

  test('stays where the mode is fed', async () => {
    await leavesAlone(identities, withMode((g) => g.input('mode', [], 'bool')).build());
  });

  test('stays where the mask is read', async () => {
    const g = withMode(() => undefined, ['a', 'mask']);
    g.output('mask', [3], 'bool');
    await leavesAlone(identities, g.build());
  });
});
