import { describe, expect, test } from 'vitest';
import { defaultForm, type FoldedForm } from '../../src/fold/folded-form.js';
import { smooth } from '../../src/fold/smooth.js';
import { attribute, type Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { foldContext } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

const WIDTH = 32;
const X = [1, 5, WIDTH];

/** γ of 1, and of 40 in two channels whose rows of the weights are small, as training makes them. */
const outliers = Float32Array.from({ length: WIDTH }, (_, c) => (c === 3 || c === 20 ? 40 : 1));

interface Options {
  readonly gamma?: Float32Array;
  readonly norm?: (g: GraphBuilder) => void;
}

const layerNorm = (g: GraphBuilder) =>
  g.node('LayerNormalization', ['x', 'gamma', 'beta'], 'n', { axis: -1 });

/** What exporters write where the operator set has no LayerNormalization. */
function decomposed(g: GraphBuilder): void {
  g.constant('two', [], [2]);
  g.constant('epsilon', [], [1e-5]);
  g.node('ReduceMean', ['x'], 'mean', { axes: [-1] });
  g.node('Sub', ['x', 'mean'], 'centred');
  g.node('Pow', ['centred', 'two'], 'squares');
  g.node('ReduceMean', ['squares'], 'variance', { axes: [-1] });
  g.node('Sqrt', [g.node('Add', ['variance', 'epsilon'], 'moved')], 'deviation');
  g.node('Div', ['centred', 'deviation'], 'normal');
  g.node('Add', [g.node('Mul', ['normal', 'gamma'], 'scaled'), 'beta'], 'n');
}

/** x → normalization "n" → two MatMuls → y and z. */
function block({ gamma = outliers, norm = layerNorm }: Options = {}): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', X);
  g.constant('gamma', [WIDTH], gamma);
  g.constant('beta', [WIDTH], randomFloats(WIDTH, 4, -0.2, 0.2));
  norm(g);
  for (const [name, output, seed] of [
    ['w1', 'y', 1],
    ['w2', 'z', 2],
  ] as const) {
    const values = randomFloats(WIDTH * 6, seed).map((w, i) => w / (outliers[Math.floor(i / 6)] as number));
    g.constant(name, [WIDTH, 6], values);
    g.node('MatMul', ['n', name], output);
    g.output(output);
  }
  return g;
}

const run = (model: Model, form: Partial<FoldedForm> = {}) =>
  smooth.run(model, { ...foldContext, form: { ...defaultForm, ...form } });

const read = (model: Model, node: string, index: number) => {
  const found = model.graph.nodes.find(({ id }) => id === node) ?? expect.fail(node);
  return floatsOf(model.graph.initializers.get(found.inputs[index] ?? '') ?? expect.fail());
};

describe('outlier channels go into every weight that reads them, and not one bit of the outputs changes', () => {
  test.each([
    ['LayerNormalization', layerNorm, 'n'],
    ['what exporters write for it', decomposed, 'scaled'],
  ])('behind %s', async (_, norm, scaling) => {
    const model = block({ norm }).build();
    const feed = randomFeed('x', X, 3);
    const before = await runIn('disabled', model, feed);
    expect(await run(model)).toBe(1);
    const gamma = read(model, scaling, 1);
    expect(Math.max(...gamma)).toBeLessThan(10);
    // What is no outlier keeps its factor of 1.
    expect(gamma[0]).toBe(1);
    expect(await runIn('disabled', model, feed)).toEqual(before);
  });

  test('a scale that another normalization reads too is its own copy', async () => {
    const g = block();
    g.node('LayerNormalization', ['x', 'gamma', 'beta'], 'other', { axis: -1 });
    g.output('other');
    const model = g.build();
    const feed = randomFeed('x', X, 3);
    const before = await runIn('disabled', model, feed);
    expect(await run(model)).toBe(1);
    expect(await runIn('disabled', model, feed)).toEqual(before);
  });
});

describe('leaves alone', () => {
  const leaves = async (g: GraphBuilder, form: Partial<FoldedForm> = {}) => {
    const model = g.build();
    expect(await run(model, form)).toBe(0);
  };

  test('channels of like sizes', () => leaves(block({ gamma: new Float32Array(WIDTH).fill(1) })));
  test('a bias that is one number for all channels', async () => {
    const g = block({ norm: decomposed });
    g.constant('beta', [1], [0.5]);
    await leaves(g);
  });
  test('everything, where it is off', () => leaves(block(), { smooth: 'off' }));

  test.each<[string, (g: GraphBuilder) => void]>([
    [
      'what an Add reads too, as behind a normalization of the sum',
      (g) => {
        g.node('Add', ['n', 'x'], 'sum');
        g.output('sum');
      },
    ],
    ['a scale that is fed', (g) => g.graph.initializers.delete('gamma') && g.input('gamma', [WIDTH])],
    ['another axis', (g) => g.graph.nodes[0]?.attributes.set('axis', attribute.int(1))],
  ])('%s', async (_, change) => {
    const g = block();
    change(g);
    await leaves(g);
  });
});
