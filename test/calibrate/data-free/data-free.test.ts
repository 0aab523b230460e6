import { describe, expect, it } from 'vitest';
import { dataFreeStatistics } from '../../../src/calibrate/data-free/data-free.js';
import { QuantizeError } from '../../../src/errors.js';
import { GraphBuilder } from '../../support/graph-builder.js';

const range = (low: number, high: number) => ({ low: [low], high: [high] });

/** Ranges of values of a model, some of which a BatchNormalization made. */
async function rangesOf(
  g: GraphBuilder,
  values: readonly string[],
  batchNorms: Readonly<Record<string, [beta: number[], gamma: number[]]>> = {},
  input = range(-1, 1),
) {
  const model = g.build();
  for (const [name, [beta, gamma]] of Object.entries(batchNorms)) {
    model.batchNorms.set(name, { beta: Float32Array.from(beta), gamma: Float32Array.from(gamma) });
  }
  const { tensors } = await dataFreeStatistics(model, values, input);
  return values.map((value) => [tensors.get(value)?.min, tensors.get(value)?.max]);
}

describe('dataFreeStatistics', () => {
  it('takes β ± 6γ, cut by the Relu behind', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [1, 1]);
    g.node('Conv', ['x', 'w'], 'c');
    g.node('Relu', ['c'], 'r');
    g.output('r', [1, 2, 2, 2]);
    expect(
      await rangesOf(g, ['x', 'c', 'r'], {
        c: [
          [1, -1],
          [0.5, 1],
        ],
      }),
    ).toEqual([
      [-1, 1],
      [-7, 5],
      [0, 5],
    ]);
  });

  it('carries means and variances through a layer without BatchNormalization, by hand', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [1, 1]);
    g.constant('v', [1, 2, 1, 1], [2, -1]);
    g.constant('b', [1], [0.5]);
    g.node('Conv', ['x', 'w'], 'c');
    g.node('Conv', ['c', 'v', 'b'], 'y');
    g.output('y', [1, 1, 2, 2]);
    // 2·N(1, ½²) − N(0, 1²) + ½: mean 2.5, variance 4·¼ + 1 = 2.
    const [[low, high]] = (await rangesOf(g, ['y'], {
      c: [
        [1, 0],
        [0.5, 1],
      ],
    })) as [[number, number]];
    expect(low).toBeCloseTo(2.5 - 6 * Math.SQRT2, 6);
    expect(high).toBeCloseTo(2.5 + 6 * Math.SQRT2, 6);
  });

  it('takes the ends of a difference crosswise, its variances summed', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [1, 1, 1, 1], [1]);
    g.node('Conv', ['x', 'w'], 'a');
    g.node('Conv', ['x', 'w'], 'b');
    g.node('Sub', ['a', 'b'], 'y');
    g.output('y', [1, 1, 2, 2]);
    // N(5, 3²) − N(1, 4²): mean 4, deviation 5.
    const [[low, high]] = (await rangesOf(g, ['y'], { a: [[5], [3]], b: [[1], [4]] })) as [[number, number]];
    expect(low).toBeCloseTo(4 - 30, 6);
    expect(high).toBeCloseTo(4 + 30, 6);
  });

  it('reads the weights of groups and of Gemm in their own layouts', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [3, 5]);
    g.node('Conv', ['x', 'w'], 'c', { group: 2 });
    g.node('GlobalAveragePool', ['c'], 'p');
    g.node('Flatten', ['p'], 'f');
    g.constant('v', [1, 2], [1, 1]);
    g.node('Gemm', ['f', 'v'], 'y', { transB: 1 });
    g.output('y', [1, 1]);
    const ranges = await rangesOf(g, ['c', 'y'], elsewhere, { low: [0, 0], high: [0, 12] });
    // Channel 0 is 0; channel 1 is even on [0, 12], mean 6 and variance 12: times 5, 30 ± 6·5·√12.
    for (const [low, high] of ranges as [number, number][]) {
      expect(low).toBeCloseTo(30 - 30 * Math.sqrt(12), 6);
      expect(high).toBeCloseTo(30 + 30 * Math.sqrt(12), 6);
    }
  });

  it('names the tensor that nothing tells the range of', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.node('Erf', ['x'], 'e');
    g.output('e', [1, 1, 2, 2]);
    await expect(rangesOf(g, ['e'], elsewhere)).rejects.toThrow(QuantizeError);
    await expect(rangesOf(g, ['e'], elsewhere)).rejects.toThrow('"e"');
    await expect(dataFreeStatistics(g.build(), ['x'], undefined)).rejects.toThrow('"x"');
  });

  it('reads the ranges of a model without BatchNormalization from runs on noise within its input range', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 8, 8]);
    g.constant('w', [1, 2, 1, 1], [1, 10]);
    g.node('Conv', ['x', 'w'], 'c');
    g.node('Erf', ['c'], 'e');
    g.output('e', [1, 1, 8, 8]);
    const [input, conv, erf] = await rangesOf(g, ['x', 'c', 'e'], {}, { low: [-1, 0], high: [1, 3] });
    // Normal numbers of deviation ½ and ¾ around 0 and 1½ are cut off at both ends, in a thousand of each.
    expect(input).toEqual([-1, 3]);
    expect(conv?.[0]).toBeGreaterThanOrEqual(-1);
    expect(conv?.[0]).toBeLessThan(2);
    expect(conv?.[1]).toBeLessThanOrEqual(31);
    expect(conv?.[1]).toBeGreaterThan(28);
    expect(erf?.[1]).toBe(1);
  });

  it('and sums variances where it runs on none', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [1, 1, 5, 5], new Float32Array(25).fill(1));
    g.node('Conv', ['x', 'w'], 'c');
    g.output('c');
    const [[low, high]] = (await rangesOf(g, ['c'])) as [[number, number]];
    // Even on ±1: variance ⅓, 25 times.
    expect(high).toBeCloseTo(6 * Math.sqrt(25 / 3), 6);
    expect(low).toBeCloseTo(-6 * Math.sqrt(25 / 3), 6);
  });
});

/** A BatchNormalization that has nothing to do with the values asked for. */
const elsewhere: Record<string, [beta: number[], gamma: number[]]> = { elsewhere: [[0], [1]] };
