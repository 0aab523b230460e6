import { describe, expect, it } from 'vitest';
import { oldestRuntime } from '../../src/emit/runtime-support.js';
import { GraphBuilder, randomFloats } from '../support/graph-builder.js';
import { between } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

describe('the oldest runtime', () => {
  // Source: https://onnxruntime.ai/docs/reference/compatibility.html, and the notes of the releases.
  it.each([
    [13, 7, '1.17'],
    [17, 8, '1.17'],
    [19, 9, '1.17'],
    [20, 9, '1.17'],
    [21, 9, '1.18'],
    [22, 9, '1.21'],
    [23, 9, '1.22'],
    [24, 9, '1.23'],
    [25, 9, '1.24'],
    [26, 9, '1.26'],
    [17, 10, '1.18'],
    [17, 11, '1.21'],
    [17, 12, '1.23'],
    [17, 13, '1.25'],
    [21, 10, '1.18'],
  ])('for opset %d and IR %d', (opset, irVersion, release) => {
    expect(oldestRuntime(between((_, v) => v, { opset, irVersion }))).toBe(release);
  });

  it('is later for every newer opset and IR version', () => {
    const releases = [13, 21, 22, 23, 24, 25, 26].map((opset) =>
      Number(oldestRuntime(between((_, v) => v, { opset, irVersion: 7 })).slice(2)),
    );
    expect(releases).toEqual([...releases].sort((a, b) => a - b));
    const byIr = [9, 10, 11, 12, 13].map((irVersion) =>
      Number(oldestRuntime(between((_, v) => v, { opset: 13, irVersion })).slice(2)),
    );
    expect(byIr).toEqual([...byIr].sort((a, b) => a - b));
  });

  it('is 1.23 where weights are int4, whose Cast is not there before', async () => {
    const versions = { opset: 21, irVersion: 10 };
    const oldest = async (bits: number, version = versions) => {
      const { emitted } = await quantizeModel(
        between((_, v) => v, version),
        { bits, allLayers: true },
      );
      return oldestRuntime(emitted.model);
    };
    expect(await oldest(4)).toBe('1.23');
    expect(await oldest(2)).toBe('1.18');
    expect(await oldest(8)).toBe('1.18');
    expect(await oldest(4, { opset: 17, irVersion: 8 })).toBe('1.17');
  });

  // Asked of 1.17.3 to 1.28: ConvInteger on int8 weights is not implemented up to 1.23.2 and runs from 1.24 on.
  it('is 1.24 where a Conv finds its ranges at every run, and 1.17 where a MatMul does', async () => {
    const conv = await quantizeModel(
      between((_, v) => v),
      { activations: { kind: 'dynamic' } },
    );
    expect(oldestRuntime(conv.emitted.model)).toBe('1.24');
    const g = new GraphBuilder();
    g.input('x', [3, 8]);
    g.constant('w', [8, 4], randomFloats(32, 1));
    g.node('MatMul', ['x', 'w'], 'y');
    g.output('y');
    const matMul = await quantizeModel(g.build(), { activations: { kind: 'dynamic' } }, []);
    expect(oldestRuntime(matMul.emitted.model)).toBe('1.17');
  });

  // Asked of the same: 1.17.3 runs MatMulNBits of 4 bits, 1.23.2 is the first that computes 8 bits in float, 1.24.1 the
  // first that loads 2 bits, 1.20.1 the oldest that was asked of DequantizeLinear with blocks.
  it('is 1.17 for blocks of 4 bits, 1.23 for blocks of 8, 1.24 for blocks of 2, and 1.20 for those of DequantizeLinear', async () => {
    const g = new GraphBuilder();
    g.input('x', [3, 32]);
    g.constant('w', [32, 4], randomFloats(128, 1));
    g.node('MatMul', ['x', 'w'], 'y');
    g.output('y');
    const oldest = async (bits: number, format: 'matmulnbits' | 'qdq-blocks' = 'matmulnbits') => {
      const recipe = {
        bits,
        format,
        allLayers: true,
        activations: { kind: 'float' },
      } as const;
      return oldestRuntime((await quantizeModel(g.build(), recipe, [])).emitted.model);
    };
    expect([await oldest(4), await oldest(8), await oldest(2)]).toEqual(['1.17', '1.23', '1.24']);
    expect(await oldest(4, 'qdq-blocks')).toBe('1.20');
  });
});
