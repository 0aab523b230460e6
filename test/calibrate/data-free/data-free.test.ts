import { describe, expect, it } from 'vitest';
import { dataFreeStatistics } from '../../../src/calibrate/data-free/data-free.js';
import { QuantizeError } from '../../../src/errors.js';
import { GraphBuilder } from '../../support/graph-builder.js';

const range = (low: number, high: number) => ({ low: [low], high: [high] });

/** Ranges of values of a model, some of which a BatchNormalization made. */
function rangesOf(
  g: GraphBuilder,
  values: readonly string[],
  batchNorms: Readonly<Record<string, [beta: number[], gamma: number[]]>> = {},
  input = range(-1, 1),
) {
  const model = g.build();
  for (const [name, [beta, gamma]] of Object.entries(batchNorms)) {
    model.batchNorms.set(name, { beta: Float32Array.from(beta), gamma: Float32Array.from(gamma) });
  }
  const { tensors } = dataFreeStatistics(model, values, input);
  return values.map((value) => [tensors.get(value)?.min, tensors.get(value)?.max]);
}

describe('dataFreeStatistics', () => {
  it('takes β ± 6γ, cut by the Relu behind', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [1, 1]);
    g.node('Conv', ['x', 'w'], 'c');
    g.node('Relu', ['c'], 'r');
    g.output('r', [1, 2, 2, 2]);
    expect(
      rangesOf(g, ['x', 'c', 'r'], {
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

  it('carries means and variances through a layer without BatchNormalization, by hand', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [1, 1]);
    g.constant('v', [1, 2, 1, 1], [2, -1]);
    g.constant('b', [1], [0.5]);
    g.node('Conv', ['x', 'w'], 'c');
    g.node('Conv', ['c', 'v', 'b'], 'y');
    g.output('y', [1, 1, 2, 2]);
    // 2·N(1, ½²) − N(0, 1²) + ½: mean 2.5, variance 4·¼ + 1 = 2.
    const [[low, high]] = rangesOf(g, ['y'], {
      c: [
        [1, 0],
        [0.5, 1],
      ],
    }) as [[number, number]];
    expect(low).toBeCloseTo(2.5 - 6 * Math.SQRT2, 6);
    expect(high).toBeCloseTo(2.5 + 6 * Math.SQRT2, 6);
  });

  it('takes the ends of a difference crosswise, its variances summed', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.constant('w', [1, 1, 1, 1], [1]);
    g.node('Conv', ['x', 'w'], 'a');
    g.node('Conv', ['x', 'w'], 'b');
    g.node('Sub', ['a', 'b'], 'y');
    g.output('y', [1, 1, 2, 2]);
    // N(5, 3²) − N(1, 4²): mean 4, deviation 5.
    const [[low, high]] = rangesOf(g, ['y'], { a: [[5], [3]], b: [[1], [4]] }) as [[number, number]];
    expect(low).toBeCloseTo(4 - 30, 6);
    expect(high).toBeCloseTo(4 + 30, 6);
  });

  it('reads the weights of groups and of Gemm in their own layouts', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 2, 2, 2]);
    g.constant('w', [2, 1, 1, 1], [3, 5]);
    g.node('Conv', ['x', 'w'], 'c', { group: 2 });
    g.node('GlobalAveragePool', ['c'], 'p');
    g.node('Flatten', ['p'], 'f');
    g.constant('v', [1, 2], [1, 1]);
    g.node('Gemm', ['f', 'v'], 'y', { transB: 1 });
    g.output('y', [1, 1]);
    const ranges = rangesOf(g, ['c', 'y'], {}, { low: [0, 0], high: [0, 12] });
    // Channel 0 is 0; channel 1 is even on [0, 12], mean 6 and variance 12: times 5, 30 ± 6·5·√12.
    for (const [low, high] of ranges as [number, number][]) {
      expect(low).toBeCloseTo(30 - 30 * Math.sqrt(12), 6);
      expect(high).toBeCloseTo(30 + 30 * Math.sqrt(12), 6);
    }
  });

  it('names the tensor that nothing tells the range of', () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 2, 2]);
    g.node('Erf', ['x'], 'e');
    g.output('e', [1, 1, 2, 2]);
    expect(() => rangesOf(g, ['e'])).toThrow(QuantizeError);
    expect(() => rangesOf(g, ['e'])).toThrow('"e"');
    expect(() => dataFreeStatistics(g.build(), ['x'], undefined)).toThrow('"x"');
  });
});
