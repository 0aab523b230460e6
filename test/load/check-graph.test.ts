import { describe, expect, test } from 'vitest';
import { attribute } from '../../src/graph/model.js';
import { checkGraph } from '../../src/load/check-graph.js';
import { encodeModel } from '../../src/proto/encode.js';
import { inspect } from '../../src/run/inspect.js';
import { boolConstant, ifNode } from '../support/branching-model.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFile } from '../support/temporary-file.js';

type Build = (g: GraphBuilder) => void;

/** x [1, 4, 2, 2] → … → y; each test adds the middle. */
function built(build: Build, outputs: readonly string[] = ['y']) {
  const g = new GraphBuilder();
  g.input('x', [1, 4, 2, 2]);
  build(g);
  for (const name of outputs) g.output(name);
  return g.build();
}

const check = (build: Build, outputs?: readonly string[]) => {
  const model = built(build, outputs);
  checkGraph('m.onnx', model);
  return model.graph.nodes.map(({ id }) => id);
};

const refusal = async (build: Build, outputs?: readonly string[]) =>
  (await expectRefusal(async () => check(build, outputs), 'model-malformed', 2)).message;

const ints = (values: readonly bigint[]) => ({ kind: 'ints', value: values }) as const;
const int = (value: bigint) => ({ kind: 'int', value }) as const;

describe('values', () => {
  test('are made before they are read, whatever the order of the file', () => {
    expect(
      check((g) => {
        g.node('Relu', ['b'], 'y');
        g.node('Relu', ['x'], 'a');
        g.node('Relu', ['a'], 'b');
      }),
    ).toEqual(['a', 'b', 'y']);
  });

  test('that are in order stay so, and so do nodes that nothing needs', () => {
    const build: Build = (g) => {
      g.node('Relu', ['x'], 'b');
      g.node('Relu', ['x'], 'a');
      g.node('Add', ['a', 'b'], 'y');
    };
    expect(check(build)).toEqual(['b', 'a', 'y']);
  });

  test('a chain of 20,000 in the wrong order is sorted', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `v${i}`);
    const order = check(
      (g) => {
        for (let i = names.length - 1; i > 0; i--) g.node('Relu', [`v${i - 1}`], `v${i}`);
        g.node('Relu', ['x'], 'v0');
      },
      ['v19999'],
    );
    expect(order).toEqual(names);
  });

  test('of the graphs around it may be read by a subgraph, made later in the file, too', () => {
    const build =
      (read: string): Build =>
      (g) => {
        ifNode(g, boolConstant(g, 'condition', true), 'y', 'Relu', [read]);
        g.node('Relu', ['x'], 'late');
      };
    expect(check(build('late'))).toEqual(['late', 'y']);
    return expect(refusal(build('nobody'))).resolves.toContain('reads "nobody", which nothing makes');
  });

  test.each<[string, Build, string]>([
    ['a circle of one', (g) => g.node('Add', ['x', 'y'], 'y'), 'needs its own result'],
    [
      'a circle of two',
      (g) => {
        g.node('Relu', ['b'], 'a');
        g.node('Relu', ['a'], 'b');
        g.node('Add', ['x', 'b'], 'y');
      },
      'run in a circle',
    ],
    ['a name that nothing makes', (g) => g.node('Relu', ['z'], 'y'), 'reads "z", which nothing makes'],
    [
      'two makers',
      (g) => {
        g.node('Relu', ['x'], 'y');
        g.node('Relu', ['x'], 'y');
      },
      'two nodes make "y"',
    ],
    [
      'a node that makes an input',
      (g) => {
        g.node('Relu', ['x'], 'x');
        g.node('Relu', ['x'], 'y');
      },
      'makes "x", which is there already',
    ],
    [
      'two inputs of one name',
      (g) => {
        g.input('x', [1]);
        g.node('Relu', ['x'], 'y');
      },
      'two inputs are named "x"',
    ],
    ['a node without an output', (g) => g.node('Relu', ['x'], ['']), 'has no output'],
    ['an operator without a name', (g) => g.node('', ['x'], 'y'), 'has no operator'],
    ['an input that is left out', (g) => g.node('MatMul', ['', 'x'], 'y'), 'lacks its input 0'],
  ])('%s is refused', async (_, build, reason) => {
    expect(await refusal(build)).toContain(reason);
  });

  test('an output is there, and something makes it', async () => {
    const relu: Build = (g) => g.node('Relu', ['x'], 'y');
    expect(await refusal(relu, [])).toContain('it has no output');
    expect(await refusal(relu, ['z'])).toContain('the output "z" is made by nothing');
    expect(check(relu, ['x', 'y'])).toEqual(['y']);
  });
});

test('more nodes than any session takes are refused', async () => {
  const chain =
    (length: number): Build =>
    (g) => {
      for (let i = 0; i < length; i++) g.node('Relu', ['x'], `v${i}`);
    };
  expect(await refusal(chain(100_001), ['v0'])).toContain('100001 nodes');
  expect(check(chain(100_000), ['v0'])).toHaveLength(100_000);
});

describe('numbers', () => {
  test.each<[string, Build]>([
    ['a group of 2^63 − 1', (g) => conv(g, { group: int(2n ** 63n - 1n) })],
    ['an axis of 2^62', (g) => g.node('Softmax', ['x'], 'y', { axis: int(2n ** 62n) })],
    ['an axis of 65', (g) => g.node('Softmax', ['x'], 'y', { axis: 65 })],
    ['a stride of 0', (g) => conv(g, { strides: [1, 0] })],
    ['a stride too many', (g) => conv(g, { strides: [1, 1, 1] })],
    ['pads of 2^60', (g) => conv(g, { pads: ints([0n, 0n, 2n ** 60n, 0n]) })],
    ['3 groups for 4 filters', (g) => conv(g, { group: 3 })],
    ['no group', (g) => conv(g, { group: 0 })],
    ['a bias of another length', (g) => conv(g, {}, 3)],
    ['an order that has an axis twice', (g) => g.node('Transpose', ['x'], 'y', { perm: [0, 1, 1, 3] })],
    ['integers as the statistics of a BatchNormalization', (g) => batchNorm(g, new Int32Array(4).fill(1))],
    ['too few statistics', (g) => batchNorm(g, Float32Array.of(1, 1))],
  ])('%s: refused', async (_, build) => {
    expect(await refusal(build)).toMatch(/m\.onnx is malformed: (Conv|Softmax|Transpose|BatchNorm)/);
  });

  test.each<[string, Build]>([
    ['a Conv', (g) => conv(g, { group: 1, strides: [2, 2], pads: [0, 1, 0, 1] })],
    ['a BatchNormalization', (g) => batchNorm(g, Float32Array.of(1, 2, 3, 4))],
    ['a Slice to the end', (g) => g.node('Slice', ['x'], 'y', { starts: [0], ends: ints([2n ** 63n - 1n]) })],
    ['an axis from the end', (g) => g.node('Softmax', ['x'], 'y', { axis: -1 })],
    [
      "another's operator",
      (g) => {
        const made = g.graph;
        g.node('Hash', ['x'], 'y', { seed: int(2n ** 62n) });
        made.nodes = made.nodes.map((node) => ({ ...node, domain: 'com.example' }));
      },
    ],
  ])('%s: read', (_, build) => {
    expect(check(build)).toEqual(['y']);
  });
});

function conv(g: GraphBuilder, attributes: NonNullable<Parameters<GraphBuilder['node']>[3]>, bias = 4) {
  g.constant('w', [4, 4, 1, 1], randomFloats(16, 1));
  g.constant('b', [bias], randomFloats(bias, 2));
  g.node('Conv', ['x', 'w', 'b'], 'y', attributes);
}

function batchNorm(g: GraphBuilder, variance: Float32Array | Int32Array) {
  for (const name of ['s', 'b', 'm']) g.constant(name, [4], randomFloats(4, 1));
  g.constant('v', [variance.length], variance);
  g.node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], 'y', { epsilon: { ...attribute.float(1e-5) } });
}

test('inspect, which runs nothing, checks it too', async () => {
  const model = built((g) => g.node('Add', ['x', 'y'], 'y'));
  const path = temporaryFile('model.onnx', encodeModel(model));
  const error = await expectRefusal(() => inspect({ model: path }), 'model-malformed', 2);
  expect(error.message).toContain('needs its own result');
});
