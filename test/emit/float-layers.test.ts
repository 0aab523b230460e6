import { describe, expect, it } from 'vitest';
import type { Graph, Model } from '../../src/graph/model.js';
import { arrayOf, floatsOf } from '../../src/graph/tensor.js';
import { weightAt } from '../../src/quantize/plan.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { between, finish, Net } from '../support/nets.js';
import { type QuantizedModel, quantizeModel } from '../support/quantize-model.js';
import { referenceModel } from '../support/reference-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

/** The float constants of a graph that hold as many elements as asked for. */
function floatConstants(graph: Graph, count: number): number[][] {
  return [...graph.initializers.values()]
    .filter((tensor) => tensor.dataType === 'float32')
    .map((tensor) => [...floatsOf(tensor)].sort((a, b) => a - b))
    .filter((values) => values.length === count);
}

/** Left alone between integer neighbours: its operator and its weight are float in the optimized graph, to the bit. */
async function expectFloat(
  { bytes, float }: QuantizedModel,
  weight: string,
  operator: string,
): Promise<Graph> {
  const graph = await optimizedGraph(bytes);
  expect(opsOf(graph).split(' ')).toContain(operator);
  const tensor = float.graph.initializers.get(weight);
  if (!tensor) throw new Error(`no weight ${weight}`);
  const values = [...floatsOf(tensor)].sort((a, b) => a - b);
  expect(floatConstants(graph, values.length)).toContainEqual(values);
  return graph;
}

async function expectReference({ bytes, float, plan, feeds }: QuantizedModel): Promise<void> {
  for (const feed of feeds) {
    const reference = await runIn('disabled', referenceModel(float, plan), feed);
    const found = await runIn('disabled', bytes, feed);
    for (const [name, array] of reference) {
      const step =
        plan.activations.get(plan.placement.values.get(name)?.root ?? '')?.quantizer.grid.scale ?? 1e-5;
      const data = found.get(name)?.data as Float32Array;
      // The exact constant of a bias is within 2^-30 of itself: a tie may fall to the other side.
      (array.data as Float32Array).forEach((value, i) => {
        expect(Math.abs(value - (data[i] as number))).toBeLessThanOrEqual(1.001 * step);
      });
    }
  }
}

/** x → Gemm "h" → what `middle` builds → Gemm "y"; another Gemm reads h, so that h is there in integers alone. */
const matrices = (middle: (net: Net, value: string) => string): Model => {
  const net = new Net();
  net.input('x', [2, 8]);
  net.gemm('x', 'h', 8, 8);
  net.output(net.gemm('h', 'other', 8, 3));
  net.gemm(middle(net, 'h'), 'y', 8, 3);
  return finish(net, 'y');
};

describe('a layer that is excluded between quantized ones stays float in the optimized graph', () => {
  it.each([true, false])('Conv, bias %s', async (bias) => {
    const model = between((net, v) => net.conv(v, 'kept', 4, 4, { bias }));
    const quantized = await quantizeModel(model, { exclude: ['kept'] });
    const graph = await expectFloat(quantized, 'kept_weight', 'Conv');
    expect(
      opsOf(graph)
        .split(' ')
        .filter((op) => op === 'QLinearConv'),
    ).toHaveLength(2);
    await expectReference(quantized);
  });

  it('Conv with a Relu, which goes into the Q behind it', async () => {
    const model = between((net, v) => net.node('Relu', [net.conv(v, 'kept')], 'r'));
    const quantized = await quantizeModel(model, { exclude: ['kept'] });
    await expectFloat(quantized, 'kept_weight', 'Conv');
    await expectReference(quantized);
  });

  const transposed = () =>
    between((net, v) => {
      net.random('kept_weight', [4, 4, 2, 2]);
      return net.node('ConvTranspose', [v, 'kept_weight'], 'kept', { kernel_shape: [2, 2], strides: [2, 2] });
    });

  it('ConvTranspose', async () => {
    const quantized = await quantizeModel(transposed(), { exclude: ['kept'] });
    await expectFloat(quantized, 'kept_weight', 'ConvTranspose');
    await expectReference(quantized);
  });

  it('ConvTranspose with a stored weight: as it is stored, and not quantized again', async () => {
    const quantized = await quantizeModel(transposed());
    const stored = quantized.plan.weights.get('kept#1');
    if (!stored) throw new Error('the weight is not stored');
    const values = [...dequantizeTensor(stored)].sort((a, b) => a - b);
    expect(floatConstants(await optimizedGraph(quantized.bytes), values.length)).toContainEqual(values);
  });

  it.each([[[8]], [[1, 8]], [[1]], [[]], [[2, 8]], [[2, 1]], [null]])('Gemm, bias %j', async (biasDims) => {
    const model = matrices((net, v) => net.gemm(v, 'kept', 8, 8, { biasDims }));
    const quantized = await quantizeModel(model, { exclude: ['kept'] });
    await expectFloat(quantized, 'kept_weight', 'Gemm');
    await expectReference(quantized);
  });

  it.each([[[1, 8]], [[2, 8]], [[2, 1]]])(
    'MatMul and an Add of %j, which is no row of a bias',
    async (dims) => {
      const model = matrices((net, v) =>
        net.node('Add', [net.random('b', dims), net.matMul(v, 'kept', 8, 8)], 's'),
      );
      const quantized = await quantizeModel(model, { exclude: ['kept'] });
      // Its constant is as it was: only a row goes through a DQ.
      expect(quantized.emitted.model.graph.initializers.has('b')).toBe(true);
      const { graph } = quantized.emitted.model;
      expect(graph.nodes.find(({ opType }) => opType === 'Add')?.inputs).toContain('b');
      await expectFloat(quantized, 'kept_weight', 'Gemm');
      await expectReference(quantized);
    },
  );

  it('its bias comes through int32 codes that are the same numbers', async () => {
    const values = [0.9902, -0.4809, 1.1 * 2 ** -95, 12.3];
    const model = between((net, v) => {
      const output = net.conv(v, 'kept');
      net.constant('kept_bias', [4], values);
      return output;
    });
    const quantized = await quantizeModel(model, { exclude: ['kept'] });
    const { initializers } = quantized.emitted.model.graph;
    const numbers = (name: string) => {
      const tensor = initializers.get(name);
      if (!tensor) throw new Error(`no constant ${name}`);
      return tensor;
    };
    const codes = arrayOf(numbers('kept_bias_q')).data as Int32Array;
    const scales = floatsOf(numbers('kept_bias_s'));
    const stored = Array.from(codes, (code, c) => Math.fround(code * (scales[c] as number)));
    expect(stored).toEqual(values.map(Math.fround));
  });

  it('MatMul with and without the Add of a bias', async () => {
    for (const biased of [true, false]) {
      const model = matrices((net, v) => {
        const product = net.matMul(v, 'kept', 8, 8);
        return biased ? net.node('Add', [net.random('b', [8]), product], 's') : product;
      });
      const quantized = await quantizeModel(model, { exclude: ['kept'] });
      await expectFloat(quantized, 'kept_weight', biased ? 'Gemm' : 'MatMul');
      await expectReference(quantized);
    }
  });

  it('MatMul with a constant of rank 3, and with one on the left', async () => {
    const exclude = ['kept'];
    const ranked = matrices((net, v) => {
      net.random('kept_weight', [1, 8, 8]);
      const product = net.node('MatMul', [v, 'kept_weight'], 'kept');
      return net.node('Reshape', [product, net.int64('rows', [2, 8])], 'r');
    });
    await expectFloat(await quantizeModel(ranked, { exclude }), 'kept_weight', 'MatMul');
    const left = matrices((net, v) => net.node('MatMul', [net.random('kept_weight', [2, 2]), v], 'kept'));
    await expectFloat(await quantizeModel(left, { exclude }), 'kept_weight', 'MatMul');
  });
});

describe('a layer whose activations stay float by a rule', () => {
  const rules = [{ pattern: 'kept', actBits: 'float' as const, bits: 4 }];

  it.each<[string, Model]>([
    ['Conv', between((net, v) => net.conv(v, 'kept'))],
    ['Conv without a bias', between((net, v) => net.conv(v, 'kept', 4, 4, { bias: false }))],
    ['Gemm', matrices((net, v) => net.gemm(v, 'kept', 8, 8))],
    ['MatMul', matrices((net, v) => net.matMul(v, 'kept', 8, 8))],
    [
      'MatMul with the Add of a bias',
      matrices((net, v) => net.node('Add', [net.random('b', [8]), net.matMul(v, 'kept', 8, 8)], 's')),
    ],
  ])('%s has its weights in few bits and computes in float, between integer layers', async (_, model) => {
    const quantized = await quantizeModel(model, { rules });
    const kept = quantized.placement.weighted.find(({ node }) => node.id === 'kept');
    expect(kept?.runs).toMatchObject({ kind: 'float', stored: 'constant' });
    expect(quantized.placement.weighted.filter(({ runs }) => runs.kind === 'integer').length).toBeGreaterThan(
      1,
    );
    const stored = kept && weightAt(quantized.plan, kept.sites[0]);
    expect(stored?.bits).toBe(4);
    const values = stored ? [...dequantizeTensor(stored)].sort((a, b) => a - b) : [];
    const optimized = await optimizedGraph(quantized.bytes);
    expect(floatConstants(optimized, values.length)).toContainEqual(values);
    await expectReference(quantized);
  });
});

describe('a layer that cannot be quantized', () => {
  it('keeps a bias that is computed', async () => {
    const model = between((net, v) => {
      net.random('kept_weight', [4, 4, 1, 1]);
      const mean = net.node('ReduceMean', [v], 'mean', { axes: [0, 2, 3], keepdims: 0 });
      return net.node('Conv', [v, 'kept_weight', mean], 'kept', { kernel_shape: [1, 1] });
    });
    const quantized = await quantizeModel(model, { exclude: ['kept'] });
    await expectFloat(quantized, 'kept_weight', 'Conv');
    await expectReference(quantized);
  });
});
