import { describe, expect, test } from 'vitest';
import { constantNodes } from '../../src/fold/constant-nodes.js';
import { type Attribute, attribute } from '../../src/graph/model.js';
import { arrayOf, tensorOf } from '../../src/graph/tensor.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { foldWith, leavesAlone } from '../support/fold-with.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';

const feed = randomFeed('x', [2], 1);
const pair: Attribute = {
  kind: 'tensor',
  value: tensorOf({ type: 'float32', dims: [2], data: Float32Array.of(3, -4) }),
};

describe('every form of the value', () => {
  test.each<[string, Attribute, number[], unknown]>([
    ['value', pair, [2], Float32Array.of(3, -4)],
    ['value_float', attribute.float(0.5), [], Float32Array.of(0.5)],
    ['value_floats', { kind: 'floats', value: [1.5, 2] }, [2], Float32Array.of(1.5, 2)],
    ['value_int', attribute.int(-(2n ** 63n)), [], BigInt64Array.of(-(2n ** 63n))],
    ['value_ints', attribute.ints([7, 8]), [2], BigInt64Array.of(7n, 8n)],
  ])('%s', async (name, value, dims, data) => {
    const g = new GraphBuilder();
    g.input('x', [2]);
    g.node('Constant', [], 'c', { [name]: value });
    g.node('Cast', ['c'], 'float', { to: 1 });
    g.node('Add', ['x', 'float'], 'y');
    g.output('y', [2]);
    const model = g.build();
    expect(await foldWith(constantNodes, model, feed, ['Cast', 'Add'])).toBe(1);
    expect(arrayOf(model.graph.initializers.get('c') ?? expect.fail())).toMatchObject({ dims, data });
  });
});

test('a value that a subgraph captures', async () => {
  const g = new GraphBuilder();
  g.input('x', [2]);
  g.node('Constant', [], 'c', { value: pair });
  boolConstant(g, 'yes', true);
  ifNode(g, 'yes', 'y', 'Add', ['x', 'c']);
  g.output('y', [2]);
  await foldWith(constantNodes, g.build(), feed, ['If']);
});

describe('what stays a node', () => {
  const one = (attributes: Record<string, Attribute>) => {
    const g = new GraphBuilder();
    g.node('Constant', [], 'c', attributes);
    g.node('Identity', ['c'], 'y');
    g.output('y');
    return g.build();
  };

  test.each<[string, Record<string, Attribute>]>([
    ['a string', { value_string: attribute.string('a') }],
    ['strings', { value_strings: { kind: 'strings', value: [] } }],
    ['a sparse tensor', { sparse_value: { kind: 'opaque', carried: { type: 11 } } }],
    ['no value', {}],
    ['two values', { value: pair, value_int: attribute.int(1) }],
  ])('%s', (_, attributes) => leavesAlone(constantNodes, one(attributes)));

  test('a graph output', async () => {
    const g = new GraphBuilder();
    g.node('Constant', [], 'y', { value: pair });
    g.output('y', [2]);
    await leavesAlone(constantNodes, g.build());
  });
});
