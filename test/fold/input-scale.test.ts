import { describe, expect, test } from 'vitest';
import { defaultForm, type FoldedForm } from '../../src/fold/folded-form.js';
import { inputScale } from '../../src/fold/input-scale.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { foldContext } from '../support/fold-with.js';
import { GraphBuilder, randomFeed, randomFloats } from '../support/graph-builder.js';
import { opTypes } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

/** Weights of columns of the sizes given, [columns, 3]. */
const weights = (sizes: readonly number[]) =>
  randomFloats(sizes.length * 3, 1, 0.5, 1).map((w, i) => w / (sizes[Math.floor(i / 3)] as number));

function table(sizes: readonly number[]): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', ['n', sizes.length]);
  g.constant('w', [sizes.length, 3], weights(sizes));
  g.node('Gemm', ['x', 'w'], 'y');
  g.output('y');
  return g;
}

const run = (model: Model, form: Partial<FoldedForm> = {}) =>
  inputScale.run(model, { ...foldContext, form: { ...defaultForm, ...form } });

const units = [1e5, 1e3, 10, 1, 1e-3];

describe('columns that are decades apart, to judge by the weights that read them', () => {
  test('get a factor each, and not one bit of the output changes', async () => {
    const model = table(units).build();
    const feed = randomFeed('x', [2, 5], 3);
    const before = await runIn('disabled', model, feed);
    expect(run(model)).toBe(1);
    expect(opTypes(model)).toEqual(['Mul', 'Gemm']);
    const factors = floatsOf(model.graph.initializers.get('x_factors') ?? expect.fail());
    // The middle column keeps 1; others are evened out to a factor of two.
    expect(factors[2]).toBe(1);
    for (const [c, size] of units.entries()) {
      expect((factors[c] as number) * size).toBeGreaterThan(3);
      expect((factors[c] as number) * size).toBeLessThan(30);
    }
    expect(await runIn('disabled', model, feed)).toEqual(before);
  });

  test('a column that nothing reads gets the least factor', async () => {
    const g = table(units);
    g.constant('w', [5, 3], weights(units).fill(0, 0, 3));
    const model = g.build();
    expect(run(model)).toBe(1);
    const factors = floatsOf(model.graph.initializers.get('x_factors') ?? expect.fail());
    expect(factors[0]).toBe(factors[1]);
  });

  test('not beyond what float32 bears: a weight of 2e38 is broken, not a unit', () => {
    expect(run(table([1, 1, 5e-39, 1, 1]).build())).toBe(0);
  });

  test('two layers with one weight', async () => {
    const g = table(units);
    g.node('MatMul', ['x', 'w'], 'z');
    g.output('z');
    const model = g.build();
    const feed = randomFeed('x', [2, 5], 3);
    const before = await runIn('disabled', model, feed);
    expect(run(model)).toBe(1);
    expect(await runIn('disabled', model, feed)).toEqual(before);
  });

  test('of a Conv, along its channels', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 4, 4]);
    g.constant(
      'w',
      [3, 2, 3, 3],
      randomFloats(54, 1).map((w, i) => (Math.floor(i / 9) % 2 ? w * 1e5 : w)),
    );
    g.node('Conv', ['x', 'w'], 'y', { pads: [1, 1, 1, 1] });
    g.output('y');
    const model = g.build();
    const feed = randomFeed('x', [1, 2, 4, 4], 3);
    const before = await runIn('disabled', model, feed);
    expect(run(model)).toBe(1);
    expect(await runIn('disabled', model, feed)).toEqual(before);
  });
});

describe('leaves alone', () => {
  test.each<[string, () => Model, Partial<FoldedForm>?]>([
    ['columns within three decades', () => table([300, 30, 1, 1, 1]).build()],
    ['all of it, where smoothing is off', () => table(units).build(), { smooth: 'off' }],
    [
      'an input that something else reads',
      () => {
        const g = table(units);
        g.node('Relu', ['x'], 'z');
        g.node('Sigmoid', ['x'], 'q');
        g.output('z');
        g.output('q');
        return g.build();
      },
    ],
    [
      'weights that are all 0',
      () => {
        const g = table(units);
        g.constant('w', [5, 3], new Float32Array(15));
        return g.build();
      },
    ],
  ])('%s', (_, model, form) => {
    expect(run(model(), form)).toBe(0);
  });
});
