import { describe, expect, it } from 'vitest';
import { measureOrigins } from '../../src/evaluate/measure-origins.js';
import { exposing } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { weightedNode } from '../../src/place/placement.js';
import { encodeModel } from '../../src/proto/encode.js';
import { weightAt } from '../../src/quantize/plan.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import type { GivenRecipe } from '../../src/recipe.js';
import { withSession } from '../../src/runtime/session.js';
import { between, finish, Net } from '../support/nets.js';
import { type QuantizedModel, quantizeModel, sourceOf } from '../support/quantize-model.js';

async function originsOf(
  float: Model,
  recipe: GivenRecipe = {},
  saturated: ReadonlyMap<string, number> = new Map(),
) {
  const quantized = await quantizeModel(float, recipe);
  const sources = { model: float, plan: quantized.plan, statistics: undefined, saturated, layers: [] };
  const { origins } = await measureOrigins({ ...sources, source: sourceOf(quantized.feeds) });
  return { quantized, origins, of: (id: string) => origins.find((origin) => origin.id === id) };
}

/** x → Conv a → Relu → Conv b → Relu → Conv y. */
const chain = () => between((net, v) => net.node('Relu', [net.conv(net.node('Relu', [v], 'r'), 'a')], 's'));

/** What the runtime gives for a value of a model on each feed. */
async function run(model: Model, value: string, feeds: readonly Feed[]): Promise<number[]> {
  const bytes = encodeModel(exposing(model, [value]));
  return withSession(bytes, { mode: 'basic', threads: 1 }, async (session) => {
    const found: number[] = [];
    for (const feed of feeds)
      found.push(...Array.from((await session.run(feed)).get(value)?.data ?? [], Number));
    return found;
  });
}

/** The definition of the signal-to-noise ratio. */
function sqnr(reference: readonly number[], changed: readonly number[]): number {
  const signal = reference.reduce((sum, x) => sum + x * x, 0);
  const noise = reference.reduce((sum, x, i) => sum + (x - (changed[i] as number)) ** 2, 0);
  return 10 * Math.log10(signal / noise);
}

/** The float model with the weight of one layer as it is stored. */
function withStoredWeight({ float, plan }: QuantizedModel, id: string): Model {
  const layer = weightedNode(plan.placement, id);
  if (!layer) throw new Error(`${id} is not quantized`);
  const weight = weightAt(plan, layer.sites[0]);
  const stored = tensorOf({ type: 'float32', dims: weight.dims, data: dequantizeTensor(weight) });
  const initializers = new Map(float.graph.initializers).set(layer.sites[0].weightName, stored);
  return { ...float, graph: { ...float.graph, initializers } };
}

describe('the origin of a drift', () => {
  it('is, for the weights, what a float model with that stored weight gives', async () => {
    const { quantized, of } = await originsOf(chain(), { bits: 4, allLayers: true });
    const { float, feeds } = quantized;
    for (const id of ['before', 'a', 'y']) {
      const changed = await run(withStoredWeight(quantized, id), 'y', feeds);
      expect(of(id)?.weightEffectDb).toBeCloseTo(sqnr(await run(float, 'y', feeds), changed), 2);
    }
  });

  it('is, for the input, what the float model gives of inputs on the grid', async () => {
    const { quantized, of } = await originsOf(chain());
    const { float, feeds, plan } = quantized;
    const { scale, zeroPoint } = plan.activations.get('x')?.quantizer.grid ?? { scale: 0, zeroPoint: 0 };
    // Within the range that was calibrated on these feeds, nothing saturates.
    const onGrid = feeds.map((feed) => {
      const { dims, data } = feed.x as { dims: readonly number[]; data: Float32Array };
      const code = (v: number) => Math.min(255, Math.max(0, Math.round(v / scale) + zeroPoint));
      const rounded = data.map((v) => (code(v) - zeroPoint) * scale);
      return { x: { type: 'float32' as const, dims, data: rounded } };
    });
    const expected = sqnr(await run(float, 'y', feeds), await run(float, 'y', onGrid));
    expect(of('before')?.inputEffectDb).toBeCloseTo(expected, 1);
  });

  it('has both parts in the own error, and nothing of the layers before', async () => {
    const { quantized, of } = await originsOf(chain(), { bits: 8, rules: [{ pattern: 'before', bits: 2 }] });
    const { float, feeds } = quantized;
    const changed = await run(withStoredWeight(quantized, 'before'), 'r', feeds);
    const byWeight = sqnr(await run(float, 'r', feeds), changed);
    // At 2 bits the weight is all of it.
    expect(of('before')?.ownDb).toBeCloseTo(byWeight, 0);
    expect(of('before')?.ownDb).toBeLessThan(15);
    for (const id of ['a', 'y']) expect(of(id)?.ownDb).toBeGreaterThan(35);
  });

  it('at the output, in power, adds up to the drift of the whole', async () => {
    const { quantized, origins } = await originsOf(chain(), { bits: 6, allLayers: true });
    const { float, feeds, bytes } = quantized;
    const whole = await withSession(bytes, { mode: 'exact', threads: 1 }, async (session) => {
      const found: number[] = [];
      for (const feed of feeds)
        found.push(...Array.from((await session.run(feed)).get('y')?.data ?? [], Number));
      return found;
    });
    const powerOf = (db: number | null) => (db === null ? 0 : 10 ** (-db / 10));
    const sum = origins.reduce((power, { effectDb }) => power + powerOf(effectDb), 0);
    expect(Math.abs(-10 * Math.log10(sum) - sqnr(await run(float, 'y', feeds), whole))).toBeLessThan(2);
  });

  it.each<[string, GivenRecipe]>([
    ['whose input stays float', { bits: 4, activations: { kind: 'float' } }],
    ['whose input has its range found at every run', { activations: { kind: 'dynamic' } }],
    ['whose input has levels in a table', { allLayers: true, activations: { bits: 4, levels: 'log' } }],
  ])('is measured of a layer %s', async (_, recipe) => {
    const { origins } = await originsOf(chain(), recipe);
    expect(origins.map(({ id }) => id)).toEqual(['before', 'a', 'y']);
    for (const { inputEffectDb, effectDb, weightEffectDb } of origins) {
      expect(weightEffectDb).toBeGreaterThan(5);
      expect(effectDb).toBeGreaterThan(3);
      if (recipe.activations?.kind === 'float') expect(inputEffectDb).toBeNull();
      else expect(inputEffectDb).toBeGreaterThan(3);
    }
  });

  it('is measured of a MatMul with its bias in an Add, and of a table that is looked up', async () => {
    const net = new Net();
    net.input('x', [2, 8]);
    net.node('Add', [net.matMul('x', 'm', 8, 8), net.random('b', [8])], 's');
    net.random('table', [16, 8], 0.5);
    net.int64('rows', [3, 5]);
    net.node('Gather', ['table', net.node('Identity', ['rows'], 'i')], 'g');
    const float = finish(net, net.node('Add', ['s', 'g'], 'y'));
    const { of, origins } = await originsOf(float, { bits: 4, allLayers: true });
    expect(origins.map(({ id }) => id)).toEqual(['m', 'g']);
    expect(of('m')?.effectDb).toBeGreaterThan(5);
    expect(of('g')?.effectDb).toBeGreaterThan(5);
    expect(of('g')?.inputEffectDb).toBeNull();
  });

  it('is measured of an operator without a weight: what it reads rounded, and its result', async () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.conv('x', 'a');
    net.node('Mul', ['a', net.scalar('hundred', 100)], 'large');
    net.node('Concat', ['a', 'large'], 'joined', { axis: 1 });
    const float = finish(net, net.conv('joined', 'y', 8));
    const { quantized, of } = await originsOf(float);
    const { feeds, plan } = quantized;
    const grid = plan.activations.get('joined')?.quantizer.grid ?? { scale: 1, zeroPoint: 0 };
    const joined = await run(float, 'joined', feeds);
    const rounded = joined.map((v) => Math.round(v / grid.scale) * grid.scale);
    // The join is far coarser than what it reads: nearly all of its own error is that of its result.
    expect(of('joined')).toMatchObject({ kind: 'operator', weightEffectDb: null, levels: 0 });
    expect(of('joined')?.ownDb).toBeCloseTo(sqnr(joined, rounded), 0);
    expect(of('joined')?.inputEffectDb).toBeGreaterThan(of('joined')?.effectDb ?? 0);
    expect(of('a')?.kind).toBe('layer');
  });

  it('counts what rounds a result for the layer itself where an output reads it', async () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.conv('x', 'a');
    net.output('a', [1, 4, 8, 8]);
    const { quantized, of } = await originsOf(finish(net, net.conv('a', 'y')));
    const { float, feeds, plan } = quantized;
    const { scale } = plan.activations.get('a')?.quantizer.grid ?? { scale: 1 };
    const values = await run(float, 'a', feeds);
    const alone = sqnr(
      values,
      values.map((v) => Math.round(v / scale) * scale),
    );
    expect(of('a')?.ownDb).toBeLessThan(alone);
  });

  it('does not touch the float model', async () => {
    const float = chain();
    const before = Buffer.from(encodeModel(float));
    await originsOf(float, { bits: 4 });
    expect(before.equals(encodeModel(float))).toBe(true);
  });
});

it('tells how much of an input the samples measured on lose to its codes', async () => {
  const { origins } = await originsOf(chain(), {}, new Map([['r', 0.25]]));
  expect(origins.map(({ id, saturated }) => [id, saturated])).toContainEqual(['a', 0.25]);
});
