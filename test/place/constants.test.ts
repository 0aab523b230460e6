import { describe, expect, it } from 'vitest';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

/** Drift between the float and the quantized graph, relative to the largest value, over the feeds it was made with. */
async function relativeError(g: GraphBuilder, output: string): Promise<number> {
  const { bytes, float, feeds } = await quantizeModel(g.build({ opset: 18 }));
  let [error, largest] = [0, 0];
  for (const feed of feeds) {
    const a = (await runIn('default', float, feed)).get(output)?.data as Float32Array;
    const b = (await runIn('default', bytes, feed)).get(output)?.data as Float32Array;
    a.forEach((value, i) => {
      error = Math.max(error, Math.abs(value - (b[i] as number)));
      largest = Math.max(largest, Math.abs(value));
    });
  }
  return error / largest;
}

describe('what is constant, or computed, where a graph usually has neither', () => {
  it('a learned constant that is expanded to the batch, before a layer', async () => {
    const g = new GraphBuilder();
    g.input('x', [2, 4]);
    g.constant('q', [1, 3, 4], randomFloats(12, 1));
    g.constant('rest', [2], BigInt64Array.of(3n, 4n));
    g.constant('zero', [1], BigInt64Array.of(0n));
    g.node('Shape', ['x'], 's');
    g.node('Gather', ['s', 'zero'], 'n', { axis: 0 });
    g.node('Concat', ['n', 'rest'], 'shape', { axis: 0 });
    g.node('Expand', ['q', 'shape'], 'e');
    g.constant('w', [4, 5], randomFloats(20, 2));
    g.node('MatMul', ['e', 'w'], 'y');
    g.output('y');
    expect(await relativeError(g, 'y')).toBeLessThan(0.03);
  });

  it('a layer whose input is constant, beside one whose is not', async () => {
    const g = new GraphBuilder();
    g.input('x', [2, 4]);
    g.constant('c', [2, 4], randomFloats(8, 1));
    g.constant('w', [4, 5], randomFloats(20, 2));
    g.node('MatMul', ['c', 'w'], 'z');
    g.node('MatMul', ['x', 'w'], 'y');
    g.output('z');
    g.output('y');
    expect(await relativeError(g, 'y')).toBeLessThan(0.03);
    expect(await relativeError(g, 'z')).toBe(0);
  });
});
