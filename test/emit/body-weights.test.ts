import { describe, expect, it } from 'vitest';
import { bodyConstants } from '../../src/fold/body-constants.js';
import { foldModel } from '../../src/fold/fold-model.js';
import { type Model, subgraphsOf } from '../../src/graph/model.js';
import { arrayOf, tensorOf } from '../../src/graph/tensor.js';
import { encodeModel } from '../../src/proto/encode.js';
import { dequantizeTensor } from '../../src/quantize/quantized-tensor.js';
import { describePlan } from '../../src/report/describe-plan.js';
import {
  type BodyLayer,
  bodyFeed,
  gemmLayer,
  ifModel,
  loopModel,
  lstmLayer,
  matMulLayer,
  nestedModel,
  scanModel,
  tableLayer,
} from '../support/body-models.js';
import { randomFloats } from '../support/graph-builder.js';
import { quantizeModel } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

const all = [matMulLayer, gemmLayer, lstmLayer, tableLayer];

async function prepared(model: Model): Promise<Model> {
  await foldModel(model, undefined, [bodyConstants]);
  return model;
}

/** Operators in the bodies of a graph. */
const inner = ({ nodes }: Model['graph']): string[] =>
  nodes.flatMap((node) => subgraphsOf(node).flatMap((b) => [...b.nodes.map((n) => n.opType), ...inner(b)]));

const feeds = [bodyFeed(true), bodyFeed(false)];

describe.each<[string, () => Model, number]>([
  ['If', () => ifModel(all), 8],
  ['If, the same names in both branches', () => ifModel(all, true), 8],
  ['If in If', () => nestedModel(all), 16],
  ['Loop', () => loopModel(all), 4],
  ['Scan', () => scanModel(all), 4],
])('layers in the bodies of %s', (_, make, layers) => {
  it('weights alone: what is computed is the float model with the weights as they are stored', async () => {
    const float = await prepared(make());
    const { bytes, plan, placement } = await quantizeModel(float, { activations: { kind: 'float' } }, feeds);
    expect(placement.weighted).toHaveLength(layers);
    const initializers = new Map(float.graph.initializers);
    for (const { sites } of placement.weighted)
      for (const { id, weightName } of sites) {
        const weight = plan.weights.get(id);
        if (!weight) throw new Error(id);
        const data = dequantizeTensor(weight);
        const { dims } = arrayOf(initializers.get(weightName) as never);
        initializers.set(weightName, tensorOf({ type: 'float32', dims, data }));
      }
    const reference = encodeModel({ ...float, graph: { ...float.graph, initializers } });
    for (const feed of feeds) {
      const wanted = await runIn('disabled', reference, feed);
      expect(await runIn('disabled', bytes, feed)).toEqual(wanted);
    }
  });

  it('the float weights are gone, and each is stored once', async () => {
    const float = await prepared(make());
    const { emitted } = await quantizeModel(float, { activations: { kind: 'float' } }, feeds);
    const { initializers } = emitted.model.graph;
    for (const name of float.graph.initializers.keys())
      if (/_w|_table/.test(name)) expect(initializers.has(name)).toBe(false);
    const stored = [...initializers.values()].filter(({ dataType }) => dataType === 'int8');
    // The LSTM's one weight is that of both its inputs.
    expect(stored).toHaveLength(layers);
  });

  it('dynamic: MatMul and Gemm run on integers, in the body', async () => {
    const float = await prepared(make());
    const { bytes, emitted } = await quantizeModel(float, { activations: { kind: 'dynamic' } }, feeds);
    const found = inner(emitted.model.graph);
    expect(found.filter((op) => op === 'MatMulInteger')).toHaveLength(layers / 2);
    expect(found).not.toContain('MatMul');
    for (const feed of feeds) {
      const [wanted, made] = [
        await runIn('disabled', encodeModel(float), feed),
        await runIn('default', bytes, feed),
      ];
      const [a, b] = [wanted, made].map((values) => values.get('y')?.data as Float32Array);
      const error = a?.reduce((sum, value, i) => sum + (value - (b?.[i] ?? 0)) ** 2, 0) ?? 1;
      expect(error / (a?.reduce((sum, value) => sum + value ** 2, 0) ?? 0)).toBeLessThan(1e-3);
    }
  });
});

it('dynamic: factors of a Gemm fold into a weight of its body; where that stands outside, the Gemm stays in float', async () => {
  const factored: BodyLayer = (g, value, name, seed) => {
    g.constant(`${name}_w`, [8, 8], randomFloats(64, seed));
    return g.node('Gemm', [value, `${name}_w`], name, { alpha: 0.5 });
  };
  const dynamic = { activations: { kind: 'dynamic' } } as const;
  const kindsOf = async (model: Model) =>
    (await quantizeModel(model, dynamic, feeds)).placement.weighted.map(({ runs }) => runs.kind);
  expect(await kindsOf(await prepared(ifModel([factored])))).toEqual(['dynamic', 'dynamic']);
  const outside: BodyLayer = (g, value, name) => g.node('Gemm', [value, 'w'], name, { alpha: 0.5 });
  const model = ifModel([outside]);
  model.graph.initializers.set('w', tensorOf({ type: 'float32', dims: [8, 8], data: randomFloats(64, 3) }));
  expect(await kindsOf(await prepared(model))).toEqual(['float', 'float']);
});

it('fixed ranges leave what cannot be observed weights only, and the plan says so', async () => {
  // Min and Max of integers, by which a Loop and a Scan keep what they saw, came with version 12.
  const float = await prepared({ ...scanModel([matMulLayer]), opsets: new Map([['', 11]]) });
  const { placement, plan } = await quantizeModel(float, {}, feeds);
  const { layers } = describePlan(float.graph, placement, plan.recipe);
  expect(layers.map(({ id, quantized }) => [id, quantized?.runs, quantized?.note])).toEqual([
    ['s0', 'float', 'weights only: inside Scan "y"'],
  ]);
});

it('so does the target of another runtime', async () => {
  const float = await prepared(ifModel([matMulLayer]));
  const { placement } = await quantizeModel(float, { target: 'openvino' }, feeds);
  expect(placement.weighted.map(({ runs }) => runs.kind === 'float' && runs.why)).toEqual([
    'inside If "y"',
    'inside If "y"',
  ]);
});

it('--exclude names a layer in a body', async () => {
  const float = await prepared(ifModel([matMulLayer]));
  const { placement } = await quantizeModel(float, { exclude: ['e0'] }, feeds);
  expect(placement.weighted.map(({ node }) => node.id)).toEqual(['t0']);
});
