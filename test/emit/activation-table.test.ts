import { describe, expect, it } from 'vitest';
import { compareLayers } from '../../src/evaluate/compare-layers.js';
import { layerPairs } from '../../src/evaluate/layer-pairs.js';
import { operatorCases } from '../support/cases/operator-cases.js';
import { between, finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { referenceModel } from '../support/reference-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

/** One of each place that a table can stand at: behind kernels, clamps and arithmetic, before what moves codes. */
const places = [
  'MatMul and bias, rank 3',
  'Add of two results',
  'Concat',
  'AveragePool',
  'Softmax',
  'MaxPool',
  'Pad with a value of 0',
  'Flatten',
  'Split',
  'Relu',
  'Relu6',
  'Clip to [0.2, 0.5]',
  'Clip after Clip',
  'Relu of a value that others read too',
];

// QLinearLeakyRelu makes the narrower codes that layers read where others read the value, too.
const kernels = (ops: string) =>
  ops.split(' ').filter((op) => /^QLinear(?!LeakyRelu)|^QGemm|^MatMulInteger/.test(op));

describe('activations through a table of codes', () => {
  it.each(operatorCases.filter(({ name }) => places.includes(name)))('$name', async ({ model, recipe }) => {
    const narrow = {
      ...recipe,
      allLayers: true,
      activations: { ...recipe?.activations, kind: 'static', bits: 4, levels: 'log' },
    } as const;
    const { float, plan, bytes, feeds } = await quantizeModel(model(), narrow);
    expect([...plan.activations.values()].some(({ quantizer }) => quantizer.kind === 'lut')).toBe(true);
    const graph = await optimizedGraph(bytes);
    const whole = await optimizedGraph((await quantizeModel(model(), recipe)).bytes);
    expect(kernels(opsOf(graph))).toEqual(kernels(opsOf(whole)));
    expect(opsOf(graph)).toContain('GatherElements');
    for (const feed of feeds) {
      const reference = referenceModel(float, plan);
      expect(await runIn('disabled', bytes, feed)).toEqual(await runIn('disabled', reference, feed));
      expect(await runIn('exact', bytes, feed)).toEqual(await runIn('basic', reference, feed));
    }
  });

  it('every place is a case', () => {
    expect(places.filter((name) => !operatorCases.some((each) => each.name === name))).toEqual([]);
  });

  it('takes any batch', async () => {
    const net = new Net();
    net.input('x', ['batch', 4, 8, 8]);
    net.node('Relu', [net.conv('x', 'c')], 'r');
    const model = finish(net, net.conv('r', 'y'), ['batch', 4, 8, 8]);
    const { bytes } = await quantizeModel(model, {
      allLayers: true,
      activations: { bits: 3, levels: 'wentropy' },
    });
    const feed = {
      x: { type: 'float32' as const, dims: [3, 4, 8, 8], data: new Float32Array(768).fill(0.3) },
    };
    expect((await runIn('default', bytes, feed)).get('y')?.dims).toEqual([3, 4, 8, 8]);
  });

  it('model inputs and values of 8 bits stay uniform', async () => {
    const model = between((net, v) => net.node('Relu', [net.conv(v, 'c')], 'r'));
    const { plan } = await quantizeModel(model, { allLayers: true, activations: { bits: 4, levels: 'log' } });
    const kinds = Object.fromEntries(
      [...plan.activations].map(([name, { quantizer }]) => [name, quantizer.kind]),
    );
    expect(kinds).toEqual({ x: 'affine', before: 'lut', r: 'lut', y: 'affine' });
  });

  it('a real offset is kept by a table', async () => {
    const model = between((net, v) => net.node('HardSwish', [v], 'h'));
    const recipe = { allLayers: true, activations: { bits: 3, observer: 'lsqplus' } };
    const rounded = await quantizeModel(model, recipe);
    const { float, plan, bytes, feeds } = await quantizeModel(model, {
      ...recipe,
      activations: { ...recipe.activations, exactOffset: true },
    });
    expect([...rounded.plan.activations.values()].map(({ quantizer }) => quantizer.kind)).not.toContain(
      'lut',
    );
    const tables = [...plan.activations]
      .filter(([, { quantizer }]) => quantizer.kind === 'lut')
      .map(([name]) => name);
    expect(tables.length).toBeGreaterThan(0);
    for (const name of tables) {
      const { offset, exactError } = plan.activations.get(name)?.observation ?? {};
      expect(exactError).toBeLessThan(offset?.roundedError ?? 0);
    }
    for (const feed of feeds) {
      const reference = referenceModel(float, plan);
      expect(await runIn('disabled', bytes, feed)).toEqual(await runIn('disabled', reference, feed));
    }
  });

  it('the drift of a layer sees its table', async () => {
    const model = between((net, v) => net.node('Relu', [v], 'r'));
    const recipe = { allLayers: true, activations: { bits: 2 } };
    const drifts = [];
    for (const actScheme of ['uniform', 'log']) {
      const { float, placement, emitted, feeds } = await quantizeModel(model, {
        ...recipe,
        activations: { ...recipe.activations, levels: actScheme },
      });
      const { model: quantized, pairs } = layerPairs(placement, emitted);
      drifts.push(
        await compareLayers(sourceOf(feeds), { float, quantized, pairs }, { machine: { threads: 1 } }),
      );
    }
    const sqnr = drifts.map((layers) => layers.find(({ id }) => id === 'before')?.drift.sqnrDb ?? 0);
    expect(sqnr[1]).not.toBeCloseTo(sqnr[0] as number, 1);
  });
});
