import { describe, expect, it } from 'vitest';
import { biasIn } from '../../src/quantize/bias.js';
import { changed } from '../../src/quantize/changed.js';
import type { Plan } from '../../src/quantize/plan.js';
import type { AffineTensor } from '../../src/quantize/quantized-tensor.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';

/** x → Gemm "h" → Relu → Gemm "y", both [8, 8] of one weight, each with a bias of its own. */
async function twoGemms() {
  const net = new Net();
  net.input('x', [2, 8]);
  net.random('w', [8, 8]);
  net.random('b', [8]);
  net.random('c', [8]);
  net.node('Relu', [net.node('Gemm', ['x', 'w', 'b'], 'h')], 'r');
  const model = finish(net, net.node('Gemm', ['r', 'w', 'c'], 'y'));
  return (await quantizeModel(model)).plan;
}

describe('a changed plan', () => {
  it('has the numbers named, and all others as they were', async () => {
    const plan = await twoGemms();
    const bias = new Float32Array(8).fill(0.5);
    const next = changed(plan, 'test', { biases: new Map([['h', bias]]) });
    expect(next.biases.get('h')).toBe(bias);
    expect(next.biases.get('y')).toBe(plan.biases.get('y'));
    expect(plan.biases.get('h')).not.toBe(bias);
    // Its int32 follows, at the scale s_x·s_w that the plan has: 0.5 in steps of it.
    const [h] = next.placement.weighted;
    const stored = h && biasIn(next, h);
    const code = stored?.values[0] ?? 0;
    expect(Math.abs(code * (stored?.scales[0] ?? 0) - 0.5)).toBeLessThanOrEqual((stored?.scales[0] ?? 0) / 2);
  });

  it('goes on sharing a weight that layers share', async () => {
    const plan = await twoGemms();
    const weight = plan.weights.get('h#1') as AffineTensor;
    expect(plan.weights.get('y#1')).toBe(weight);
    const other: AffineTensor = { ...weight, scales: weight.scales.map((scale) => 2 * scale) };
    const next = changed(plan, 'test', { weights: new Map([['y#1', other]]) });
    expect([next.weights.get('h#1'), next.weights.get('y#1')]).toEqual([other, other]);
    expect(next.weights.get('h#1')).toBe(next.weights.get('y#1'));
  });

  it('cannot saturate on any x86, whatever the change', async () => {
    const plan = await twoGemms();
    const weight = plan.weights.get('h#1') as AffineTensor;
    const loud = { ...weight, codes: weight.codes.map((code) => (code < 0 ? -120 : 120)) };
    const codesOf = (of: Plan) => {
      const next = changed(of, 'test', { weights: new Map([['h#1', loud]]) });
      expect(next.weights.get('y#1')).toBe(next.weights.get('h#1'));
      return [...(next.weights.get('h#1') as AffineTensor).codes];
    };
    // Two neighbours of one sign: 64 each of the 128 that 255 leaves room for.
    const wanted = [...loud.codes];
    for (let n = 0; n < 8; n++) {
      for (let k = 0; k < 8; k += 2) {
        const [i, j] = [8 * k + n, 8 * (k + 1) + n];
        if (loud.codes[i] === loud.codes[j]) wanted[i] = wanted[j] = Math.sign(loud.codes[i] as number) * 64;
      }
    }
    expect(codesOf(plan)).toEqual(wanted);
    expect(codesOf({ ...plan, recipe: { ...plan.recipe, assumeVnni: true } })).toEqual([...loud.codes]);
  });

  it('names who chose the quantizer of an activation', async () => {
    const plan = await twoGemms();
    const quantizer = { kind: 'affine', grid: { scale: 0.125, zeroPoint: 3, low: 0, high: 255 } } as const;
    const next = changed(plan, 'test', { activations: new Map([['r', quantizer]]) });
    expect(next.activations.get('r')).toEqual({ ...plan.activations.get('r'), quantizer, owner: 'test' });
    expect(plan.activations.get('r')?.owner).toBe('minmax');
  });

  it.each([
    [
      'codes beyond the width',
      (w: AffineTensor) => ({ ...w, codes: Int8Array.from(w.codes, () => -128) }),
      'code -128',
    ],
    ['another shape', (w: AffineTensor) => ({ ...w, dims: [4, 16] }), 'shape [4,16]'],
    ['another width', (w: AffineTensor) => ({ ...w, bits: 4 }), '4 bits where the recipe has 8'],
    ['a scale too few', (w: AffineTensor) => ({ ...w, scales: w.scales.subarray(1) }), '7 scales'],
    ['a scale of 0', (w: AffineTensor) => ({ ...w, scales: new Float32Array(8) }), 'a scale that is no step'],
    [
      'scales at which the bias does not fit int32',
      (w: AffineTensor) => ({ ...w, scales: new Float32Array(8).fill(1e-30) }),
      'where its bias fits int32',
    ],
  ])('refuses %s', async (_, change, problem) => {
    const plan = await twoGemms();
    const weight = change(plan.weights.get('h#1') as AffineTensor);
    const change1 = () => changed(plan, 'test', { weights: new Map([['h#1', weight]]) });
    expect(change1).toThrow(problem);
  });

  it('refuses an input scale at which the bias of a reader does not fit int32', async () => {
    const plan = await twoGemms();
    const grid = { scale: Math.fround(1e-12), zeroPoint: 0, low: 0, high: 255 };
    const quantizer = { kind: 'affine', grid } as const;
    const change = () => changed(plan, 'test', { activations: new Map([['r', quantizer]]) });
    expect(change).toThrow('y#1, which has scale');
  });

  it('refuses what is not in the plan, and what is not finite', async () => {
    const plan = await twoGemms();
    const bias = (id: string, values: Float32Array) => () =>
      changed(plan, 'test', { biases: new Map([[id, values]]) });
    expect(bias('nothing', new Float32Array(8))).toThrow('nothing');
    expect(bias('h', new Float32Array(3))).toThrow('3 values');
    expect(bias('h', new Float32Array(8).fill(Number.NaN))).toThrow('not finite');
    const quantizer = { kind: 'affine', grid: { scale: 1, zeroPoint: 9, low: 0, high: 7 } } as const;
    expect(() => changed(plan, 'test', { activations: new Map([['r', quantizer]]) })).toThrow(
      'no code for 0',
    );
  });
});
