import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { arrayOf, floatsOf, tensorOf } from '../../src/graph/tensor.js';
import { raisedChannelsIn } from '../../src/quantize/bias.js';
import { randomFloats } from '../support/graph-builder.js';
import { between, finish, Net } from '../support/nets.js';
import { makerOf, type QuantizedModel, quantizeModel } from '../support/quantize-model.js';
import { optimizedOps, runIn } from '../support/sessions.js';

/** The scale and codes that the DQ of input `index` of the node that makes `value` reads, from the written graph. */
function storedInput({ emitted }: QuantizedModel, value: string, index: number) {
  const { nodes, initializers } = emitted.model.graph;
  const dequantize = makerOf(nodes, makerOf(nodes, value).inputs[index] ?? '');
  expect(dequantize.opType).toBe('DequantizeLinear');
  const [codes, scale] = dequantize.inputs.map((name) => initializers.get(name));
  if (!scale) throw new Error(`${value} has no scale`);
  return { codes: codes && arrayOf(codes), scales: [...floatsOf(scale)], dims: scale.dims };
}

/** Largest difference from the float model in the default session, as a share of the largest output. */
async function worstShare({ float, bytes, feeds }: QuantizedModel): Promise<number> {
  let worst = 0;
  for (const feed of feeds) {
    const expected = (await runIn('disabled', float, feed)).get('y')?.data as Float32Array;
    const found = (await runIn('default', bytes, feed)).get('y')?.data as Float32Array;
    const most = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - (found[i] as number)) / most);
    });
  }
  return worst;
}

/** Channels whose scale was raised, of the only layer. */
function raisedIn({ plan }: QuantizedModel): number | undefined {
  const [layer] = plan.placement.weighted;
  return layer && raisedChannelsIn(plan, layer);
}

describe('the int32 bias', () => {
  it.each(['channel', 'tensor'] as const)('has the scale fround(s_x·s_w), one a %s', async (granularity) => {
    const quantized = await quantizeModel(
      between((_, v) => v),
      { granularity },
    );
    const input = storedInput(quantized, 'y_f', 0);
    const weight = storedInput(quantized, 'y_f', 1);
    const bias = storedInput(quantized, 'y_f', 2);
    expect(input.dims).toEqual([]);
    expect(weight.dims).toEqual(granularity === 'channel' ? [4] : []);
    expect(bias.scales).toEqual(weight.scales.map((s) => Math.fround((input.scales[0] as number) * s)));
    expect(bias.codes?.type).toBe('int32');
    const floats = floatsOf(quantized.float.graph.initializers.get('y_bias') as never);
    floats.forEach((value, c) => {
      const step = bias.scales[c] ?? (bias.scales[0] as number);
      expect(Math.abs(value - Number(bias.codes?.data[c]) * step)).toBeLessThanOrEqual(step * 0.501);
    });
  });

  it('is 32 bits wide also where weights and activations are not', async () => {
    const quantized = await quantizeModel(
      between((_, v) => v),
      { bits: 2, allLayers: true, activations: { bits: 2 } },
    );
    expect(storedInput(quantized, 'y_f', 2).codes?.type).toBe('int32');
    expect(Math.max(...storedInput(quantized, 'y_f', 1).scales)).toBeGreaterThan(0.4);
  });
});

describe('a bias too large for its scale', () => {
  function tiny(weight: number, bias: readonly number[]): Model {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.constant('w', [4, 4, 3, 3], randomFloats(144, 3, -weight, weight));
    net.constant('b', [4], bias);
    return finish(net, net.node('Conv', ['x', 'w', 'b'], 'y', { pads: [1, 1, 1, 1] }));
  }

  it('of 1e6 over weights of 1e-6 fuses, and is right within 1 %', async () => {
    const quantized = await quantizeModel(tiny(1e-6, [1e6, -1e6, 5e5, 1]));
    expect(await optimizedOps(quantized.bytes)).toBe('Q QLinearConv DQ');
    expect(await worstShare(quantized)).toBeLessThan(0.01);
    // 1e6 / (1/127 · 1e-6/127) is over 2^31 in three channels; 1 is 2^34 too.
    expect(raisedIn(quantized)).toBe(4);
    const bias = storedInput(quantized, 'y_f', 2);
    const products = storedInput(quantized, 'y_f', 1).scales.map((s) =>
      Math.fround((storedInput(quantized, 'y_f', 0).scales[0] as number) * s),
    );
    expect(bias.scales).toEqual(products);
    for (const code of (bias.codes?.data ?? []) as Int32Array)
      expect(Math.abs(code)).toBeLessThan(2 ** 31 - 36 * 255 * 127);
  });

  it('raises the scale of its own channel alone', async () => {
    const quantized = await quantizeModel(tiny(0.1, [1e6, 0.5, 0.25, 0]));
    expect(raisedIn(quantized)).toBe(1);
    const [weight] = quantized.plan.weights.values();
    const floats = [...(weight?.scales ?? [])];
    // 1e6 / (1/127 · s) ≤ 2^31 → s ≥ 0.059; the others come from weights of 0.1: 0.1/127.
    expect(floats[0]).toBeGreaterThan(0.05);
    for (const scale of floats.slice(1)) expect(scale).toBeLessThan(0.1 / 60);
    expect(await optimizedOps(quantized.bytes)).toBe('Q QLinearConv DQ');
    expect(await worstShare(quantized)).toBeLessThan(0.01);
  });

  it('over weights that are all 0 takes nothing from them', async () => {
    const model = tiny(0.1, [1e6, 0.5, 0.25, 1]);
    const values = randomFloats(144, 3, -0.1, 0.1).fill(0, 0, 36);
    model.graph.initializers.set('w', tensorOf({ type: 'float32', dims: [4, 4, 3, 3], data: values }));
    const quantized = await quantizeModel(model);
    expect(raisedIn(quantized)).toBe(0);
    expect(await worstShare(quantized)).toBeLessThan(0.01);
  });

  it('of a Gemm and a MatMul too', async () => {
    for (const opType of ['Gemm', 'MatMul']) {
      const net = new Net();
      net.input('x', [2, 8]);
      net.constant('w', [8, 3], randomFloats(24, 3, -1e-6, 1e-6));
      net.constant('b', [3], [1e6, -3e5, 2e5]);
      if (opType === 'Gemm') net.node('Gemm', ['x', 'w', 'b'], 'h');
      else net.node('Add', [net.node('MatMul', ['x', 'w'], 'm'), 'b'], 'h');
      net.random('v', [3, 3]);
      const quantized = await quantizeModel(finish(net, net.node('MatMul', ['h', 'v'], 'y')));
      expect(await optimizedOps(quantized.bytes)).toBe('Q QGemm MatMulIntegerToFloat');
      expect(await worstShare(quantized)).toBeLessThan(0.02);
    }
  });

  it('all weights 0: no scale, no bias is lost', async () => {
    const quantized = await quantizeModel(tiny(0, [1, -2, 3, 0]));
    expect(await optimizedOps(quantized.bytes)).toBe('Q QLinearConv DQ');
    expect(await worstShare(quantized)).toBeLessThan(0.01);
  });
});
