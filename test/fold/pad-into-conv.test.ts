import { describe, expect, test } from 'vitest';
import { padIntoConv } from '../../src/fold/pad-into-conv.js';
import { intsAttribute } from '../../src/graph/model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';

/** x → Pad → Conv → y. */
function padded(
  pads: number[],
  conv: Parameters<GraphBuilder['node']>[3] = {},
  { mode = 'constant', value = 0 } = {},
): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 6, 7]);
  g.constant('pads', [pads.length], BigInt64Array.from(pads, BigInt));
  g.constant('value', [], [value]);
  g.node('Pad', ['x', 'pads', 'value'], 'p', { mode });
  g.constant('w', [3, 2, 3, 3], randomFloats(54, 1));
  g.node('Conv', ['p', 'w'], 'y', conv);
  g.output('y');
  return g;
}

const feed = randomFeed('x', [1, 2, 6, 7], 2);

test('a Pad of zeros goes into the Conv, with the pads that it has, each side by itself', async () => {
  const g = padded([0, 0, 1, 0, 0, 0, 2, 3], { pads: [1, 1, 0, 2], strides: [2, 1] });
  expect(await foldWith(padIntoConv, g.build(), feed, ['Conv'])).toBe(1);
  expect(intsAttribute(g.graph.nodes[0] ?? expect.fail(), 'pads')).toEqual([2, 1, 2, 5]);
});

test('of a Conv with auto_pad VALID, and of two Convs', async () => {
  const g = padded([0, 0, 1, 1, 0, 0, 1, 1], { auto_pad: 'VALID' });
  g.node('Conv', ['p', 'w'], 'z', { dilations: [2, 2] });
  g.output('z');
  await foldWith(padIntoConv, g.build(), feed, ['Conv', 'Conv']);
});

describe('leaves alone', () => {
  test.each([
    ['padded channels', padded([0, 1, 1, 1, 0, 0, 1, 1])],
    ['a cut', padded([0, 0, -1, 1, 0, 0, 1, 1])],
    ['another value', padded([0, 0, 1, 1, 0, 0, 1, 1], {}, { value: -1 })],
    ['a reflection', padded([0, 0, 1, 1, 0, 0, 1, 1], {}, { mode: 'reflect' })],
    ['auto_pad SAME', padded([0, 0, 1, 1, 0, 0, 1, 1], { auto_pad: 'SAME_UPPER' })],
  ])('%s', async (_, g) => {
    if (g.graph.initializers.get('w')?.dims[1] === 2 && _ === 'padded channels')
      g.constant('w', [3, 3, 3, 3], randomFloats(81, 1));
    await leavesAlone(padIntoConv, g.build());
  });

  test('a Pad whose sizes are fed', async () => {
    const fed = padded([0, 0, 1, 1, 0, 0, 1, 1]);
    fed.graph.initializers.delete('pads');
    fed.input('pads', [8], 'int64');
    await leavesAlone(padIntoConv, fed.build());
  });

  test('a Pad that something else reads, and one that is an output', async () => {
    const read = padded([0, 0, 1, 1, 0, 0, 1, 1]);
    read.node('Relu', ['p'], 'z');
    read.output('z');
    await leavesAlone(padIntoConv, read.build());
    const returned = padded([0, 0, 1, 1, 0, 0, 1, 1]);
    returned.output('p');
    await leavesAlone(padIntoConv, returned.build());
  });
});
