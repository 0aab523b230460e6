import { describe, expect, it } from 'vitest';
import { actSchemes } from '../../calibration/act-schemes/act-schemes.js';
import type { ObserverSettings } from '../../calibration/observers/observer.js';
import { rangeSources } from '../../calibration/range-sources/range-sources.js';
import type { TensorStatistics } from '../../calibration/statistics.js';
import { noRanges } from '../../src/calibrate/find-ranges.js';
import type { QuantizeError } from '../../src/errors.js';
import type { Model } from '../../src/graph/model.js';
import { place } from '../../src/place/place.js';
import { observedValues } from '../../src/place/placement.js';
import { biasIn, raisedChannelsIn } from '../../src/quantize/bias.js';
import { buildPlan } from '../../src/quantize/build-plan.js';
import { quantizerOf, weightAt } from '../../src/quantize/plan.js';
import {
  dequantizeTensor,
  integersOfTensor,
  type QuantizedTensor,
} from '../../src/quantize/quantized-tensor.js';
import type { Scheme } from '../../src/quantize/schemes/scheme.js';
import { schemes } from '../../src/quantize/schemes/schemes.js';
import { defaultRecipe, type GivenRecipe, named } from '../../src/recipe.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { residual } from '../support/nets.js';
import { withMinmax } from '../support/quantize-model.js';
import { provenance, statisticsOf } from '../support/statistics.js';

/** Plans a model; each value observed has the statistics given, or the range [0, 255]. */
async function plan(
  model: Model,
  given: Readonly<Record<string, TensorStatistics>> = {},
  changes: GivenRecipe = {},
  known: readonly Scheme[] = schemes,
) {
  const recipe = withMinmax(changes);
  const placement = place(model, recipe, 'model.onnx');
  const tensors = new Map(
    observedValues(placement).map((name) => [name, given[name] ?? statisticsOf([0, 255])]),
  );
  const statistics = { ...provenance(), tensors };
  const made = await buildPlan(
    { model, recipe, placement },
    { ...noRanges, statistics },
    { rangeSources, actSchemes, schemes: known },
  );
  const layers = placement.weighted.map((weighted) => ({
    weight: weightAt(made, weighted.sites[0]),
    bias: biasIn(made, weighted),
    raisedChannels: raisedChannelsIn(made, weighted),
  }));
  return { made, layers };
}

it.each<[string, GivenRecipe, number]>([
  // HardSwish is 0 up to −3: of −100 … 10 the codes hold −3 … 10.
  ['ends where readers tell elements no longer apart', {}, 13 / 255],
  ['is whole at 16 bits', { target: 'qnn', format: 'qdq-int8', activations: { bits: 16 } }, 110 / 65_535],
])('the range of an activation %s', async (_, changes, scale) => {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 1, 1]);
  g.constant('w', [2, 2, 1, 1], [1, 2, 3, 4]);
  g.node('HardSwish', [g.node('Conv', ['x', 'w'], 'a')], 'swish');
  g.output(g.node('Conv', ['swish', 'w'], 'y'));
  const { made } = await plan(g.build(), { a: statisticsOf([-100, 0, 10]) }, changes);
  const quantizer = quantizerOf(made, 'a');
  expect(quantizer?.kind === 'affine' && quantizer.grid.scale / scale).toBeCloseTo(1, 2);
});

/** x [1, 2, 1, 1] → Conv 1×1 "a" → Conv 1×1 "b", both with the weight and bias given. */
function twins(
  weight: readonly number[] = [1.27, -1.27, 0.5, 2.54],
  bias: readonly number[] = [1, -1],
): Model {
  const g = new GraphBuilder();
  g.input('x', [1, 2, 1, 1]);
  g.constant('w', [2, 2, 1, 1], weight);
  g.constant('c', [2], bias);
  g.node('Conv', ['x', 'w', 'c'], 'a');
  g.node('Conv', ['a', 'w', 'c'], 'b');
  g.output('b', [1, 2, 1, 1]);
  return g.build();
}

async function errorOf(work: () => Promise<unknown>): Promise<QuantizeError> {
  try {
    await work();
  } catch (thrown) {
    return thrown as QuantizeError;
  }
  throw new Error('nothing was thrown');
}

describe('buildPlan', () => {
  it('tells the observer what the recipe says of it', async () => {
    const given = { x: statisticsOf([-254, 204], [-127, 102]) };
    const scaleOf = async (observer: string, settings: Partial<ObserverSettings>) =>
      quantizerOf(
        (
          await plan(twins(), given, {
            activations: { observer, observerSettings: settings },
          })
        ).made,
        'x',
      )?.grid.scale;
    expect(await scaleOf('minmax', { symmetric: true })).toBe(2);
    // ½·458 + ½·229.
    expect(await scaleOf('ema', { momentum: 0.5 })).toBe(Math.fround(343.5 / 255));
  });

  it('chooses every number of a layer, by hand', async () => {
    const { made, layers } = await plan(twins(), { x: statisticsOf([-51, 204]) }, { assumeVnni: true });
    expect(quantizerOf(made, 'x')).toEqual({
      kind: 'affine',
      grid: { scale: 1, zeroPoint: 51, low: 0, high: 255 },
    });
    expect(quantizerOf(made, 'nothing')).toBeUndefined();
    expect(layers[0]?.weight).toEqual({
      kind: 'affine',
      dims: [2, 2, 1, 1],
      // In steps of 0.01 and 0.02.
      codes: Int8Array.of(127, -127, 25, 127),
      bits: 8,
      axis: 0,
      scales: Float32Array.of(0.01, 0.02),
    });
    expect(layers[0]?.bias).toEqual({ values: Int32Array.of(100, -50), scales: Float32Array.of(0.01, 0.02) });
    expect(layers[0]?.raisedChannels).toBe(0);
  });

  it('keeps pairs of products within int16, where activations have that many codes', async () => {
    // 0.5 and 2.54 are 25 and 127 in steps of 0.02: 152 of the 128 that 255 leaves room for.
    const codes = async (changes: GivenRecipe) => {
      const { layers } = await plan(twins(), {}, { allLayers: true, ...changes });
      return layers.map(({ weight }) => [...integersOfTensor(weight as QuantizedTensor)]);
    };
    const free = [127, -127, 25, 127];
    expect(await codes({ assumeVnni: true })).toEqual([free, free]);
    for (const layer of await codes({})) {
      expect(layer.slice(0, 2)).toEqual([127, -127]);
      expect(Math.abs((layer[2] as number) + (layer[3] as number))).toBeLessThanOrEqual(128);
    }
    // 127 codes leave room for any pair.
    expect(await codes({ activations: { bits: 7 } })).toEqual([free, free]);
  });

  it('makes one quantized tensor of a weight that two layers share', async () => {
    const { layers } = await plan(twins());
    expect(layers).toHaveLength(2);
    expect(layers[1]?.weight).toBe(layers[0]?.weight);
  });

  it('makes two of it where the recipes differ', async () => {
    const { layers } = await plan(twins(), {}, { rules: [{ pattern: 'b', bits: 4 }] });
    expect(layers.map(({ weight }) => weight.bits)).toEqual([8, 4]);
  });

  it('makes two of it where only one has to give way to its bias', async () => {
    // An input a million times smaller: the bias of "a" is that many more steps.
    const small = { x: statisticsOf([0, 255e-9]) };
    const { layers } = await plan(twins([1.27, 1.27, 1.27, 1.27], [0, 1e4]), small);
    expect(layers.map(({ raisedChannels }) => raisedChannels)).toEqual([1, 0]);
    expect(layers[1]?.weight).not.toBe(layers[0]?.weight);
    const [a] = layers;
    const code = a?.bias?.values[1] as number;
    expect(code * (a?.bias?.scales[1] as number)).toBeCloseTo(1e4, 2);
  });

  it('has one scale for a whole weight, and halves its range, where the recipe says so', async () => {
    const { layers } = await plan(twins(), {}, { granularity: 'tensor', reduceRange: true });
    const weight = layers[0]?.weight;
    expect([weight?.axis, weight?.scales]).toEqual([undefined, Float32Array.of(2.54 / 63)]);
    // 1.27/2.54·63 = 31.5, 0.5/2.54·63 = 12.4; ties are settled in float32.
    expect(weight && [...dequantizeTensor(weight)].map((w) => Math.round(w * 100))).toEqual([
      129, -129, 48, 254,
    ]);
    expect(layers[0]?.bias?.scales).toHaveLength(1);
  });

  it.each([
    [{}, 1],
    [{ group: 2 }, 2],
    [{ group: 'tensor' }, undefined],
    [{ group: 1, granularity: 'tensor' }, undefined],
  ] as const)('hands on what shares a codebook: %j', async (changes, expected) => {
    const seen: unknown[] = [];
    const scheme = named(schemes, 'minmax');
    const spy: Scheme = {
      ...scheme,
      quantize(request) {
        seen.push(request.channelsPerCodebook);
        return scheme.quantize(request);
      },
    };
    await plan(twins(), {}, changes, [spy]);
    // One weight that two layers share is quantized once.
    expect(seen).toEqual([expected]);
  });

  it("takes the recipe's observer and the layer's width of activations", async () => {
    const tail = statisticsOf(Array.from({ length: 5000 }, (_, i) => (i === 0 ? 20 : (i % 100) / 50)));
    const low = { allLayers: true, activations: { bits: 4 } };
    const whole = (await plan(twins(), { a: tail }, low)).made;
    expect(quantizerOf(whole, 'a')?.grid).toEqual({
      scale: Math.fround(20 / 15),
      zeroPoint: 0,
      low: 0,
      high: 15,
    });
    const cut = (
      await plan(twins(), { x: tail }, { ...low, activations: { ...low.activations, observer: 'mse' } })
    ).made;
    expect(quantizerOf(cut, 'x')?.grid).toMatchObject({ low: 0, high: 15 });
    expect(quantizerOf(cut, 'x')).not.toEqual(quantizerOf(whole, 'a'));
  });

  it('holds the configurations of LSQ+ to what layers read: what a shortcut adds keeps both signs', async () => {
    const signed = statisticsOf(Array.from({ length: 400 }, (_, i) => i / 100 - 2));
    const model = residual();
    const given = Object.fromEntries(['x', 'r', 's', 'b', 't', 'y'].map((value) => [value, signed]));
    const activations = { bits: 4, observer: 'lsqplus', observerSettings: { lsqplusConfig: 1 } } as const;
    const { made } = await plan(model, given, { activations });
    const grids = [...made.activations.values()].flatMap(({ quantizer }) =>
      quantizer.kind === 'affine' ? [quantizer.grid] : [],
    );
    const [narrow, wide] = [15, 255].map((high) => grids.filter((grid) => grid.high === high));
    expect(narrow?.map(({ zeroPoint }) => zeroPoint)).toEqual(narrow?.map(() => 0));
    expect(wide?.map(({ zeroPoint }) => zeroPoint)).toEqual(wide?.map(() => 128));
    expect([narrow?.length, wide?.length].every((count) => count && count > 0)).toBe(true);
  });

  it('quantizes weights alone where activations stay in float', async () => {
    const model = twins();
    const recipe = { ...defaultRecipe, activations: { kind: 'float' } as const };
    const placement = place(model, recipe, 'model.onnx');
    const made = await buildPlan({ model, recipe, placement }, noRanges, {
      rangeSources,
      actSchemes,
      schemes,
    });
    const [weight] = [...made.weights.values()];
    expect([made.activations.size, made.biases.size]).toEqual([0, 0]);
    expect(weight?.scales).toEqual(Float32Array.of(0.01, 0.02));
  });

  it('quantizes constant operands in uint8 over their range with 0', async () => {
    const g = new GraphBuilder();
    g.input('x', [1, 1, 1, 1]);
    g.constant('w', [1, 1, 1, 1], [1]);
    g.constant('k', [1, 1, 1, 1], [2.55]);
    g.node('Conv', ['x', 'w'], 'a');
    g.node('Mul', ['a', 'k'], 'm');
    g.node('Conv', ['m', 'w'], 'y');
    g.output('y', [1, 1, 1, 1]);
    const constant = (await plan(g.build())).made.constants.get('k');
    expect(constant?.quantizer).toEqual({ scale: Math.fround(2.55 / 255), zeroPoint: 0, low: 0, high: 255 });
    expect(constant?.codes).toEqual(Uint8Array.of(255));
  });

  describe('where a tensor was not finite', () => {
    it.each([
      ['x', 'a'],
      ['a', 'b'],
      ['b', 'b'],
    ])('names tensor %s and layer %s', async (tensor, layer) => {
      const stray = { [tensor]: statisticsOf([1, Number.NaN, Number.POSITIVE_INFINITY]) };
      const error = await errorOf(() => plan(twins(), stray));
      expect(error.code).toBe('bad-values');
      expect(error.facts).toEqual({ tensor, layer, problem: '2 values that are not finite' });
      expect(error.hint).toContain(`--exclude "${layer}"`);
    });

    it('names the layer that reads it moved', async () => {
      const g = new GraphBuilder();
      g.input('x', [2, 1]);
      g.constant('w', [2, 1], [1, 2]);
      g.node('Transpose', ['x'], 't', { perm: [1, 0] });
      g.node('MatMul', ['t', 'w'], 'y');
      g.output('y', [1, 1]);
      const error = await errorOf(() => plan(g.build(), { x: statisticsOf([Number.NaN]) }));
      expect(error.facts).toMatchObject({ tensor: 'x', layer: 'y' });
    });
  });

  it.each([
    ['empty', [], 1, 0, undefined],
    ['all zero', [0, 0], 1, 0, { min: 0, max: 0 }],
    [
      'constant',
      [2.55, 2.55],
      Math.fround(Math.fround(2.55) / 255),
      0,
      { min: Math.fround(2.55), max: Math.fround(2.55) },
    ],
    [
      'constant',
      [-5.1],
      Math.fround(Math.fround(5.1) / 255),
      255,
      { min: Math.fround(-5.1), max: Math.fround(-5.1) },
    ],
  ])(
    'gives a tensor that is %s a quantizer, and says what it is',
    async (degenerate, values, scale, zeroPoint, range) => {
      const { made } = await plan(twins(), { a: statisticsOf(values) });
      expect(made.activations.get('a')?.quantizer.grid).toEqual({ scale, zeroPoint, low: 0, high: 255 });
      expect(made.activations.get('a')?.observation).toEqual({
        range,
        degenerate,
        offset: undefined,
        exactError: undefined,
        observer: 'minmax',
      });
    },
  );
});
