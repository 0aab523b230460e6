import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import { inOperatorForm } from '../../src/emit/operator-form.js';
import { bodyConstants } from '../../src/fold/body-constants.js';
import { foldModel } from '../../src/fold/fold-model.js';
import { exposing } from '../../src/graph/expose.js';
import { flatNodes } from '../../src/graph/flat.js';
import { type Model, type Node, subgraphsOf } from '../../src/graph/model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { quantizerOf } from '../../src/quantize/plan.js';
import {
  bodyFeed,
  branchLayer,
  convLayer,
  flatModel,
  gemmLayer,
  ifModel,
  loopModel,
  matMulLayer,
  nestedModel,
  scanModel,
} from '../support/body-models.js';
import { GraphBuilder } from '../support/graph-builder.js';
import { type QuantizedModel, quantizeModel } from '../support/quantize-model.js';
import { opsOf, optimizedGraph, runIn } from '../support/sessions.js';

async function prepared(model: Model): Promise<Model> {
  await foldModel(model, undefined, [bodyConstants]);
  return model;
}

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
const feeds = (condition: boolean): Feed[] => seeds.map((seed) => bodyFeed(condition, seed));
const both = [...feeds(true), ...feeds(false)];
const all = [convLayer, gemmLayer, matMulLayer];

/** Energy of the float results over that of their difference to those of a default session, in dB. */
async function sqnrDb({ float, bytes }: QuantizedModel, given: readonly Feed[]): Promise<number> {
  let [energy, error] = [0, 0];
  for (const feed of given) {
    const wanted = (await runIn('disabled', float, feed)).get('y')?.data as Float32Array;
    const made = (await runIn('default', bytes, feed)).get('y')?.data as Float32Array;
    wanted.forEach((value, i) => {
      energy += value ** 2;
      error += (value - (made[i] as number)) ** 2;
    });
  }
  return 10 * Math.log10(energy / error);
}

const kernels = /^QLinear|^QGemm|^MatMulInteger/;

/** The integer kernels that a default session makes of a model, its bodies included. */
async function integerKernels({ bytes }: QuantizedModel): Promise<string[]> {
  const nodes = flatNodes(await optimizedGraph(bytes));
  return nodes.map(({ opType }) => opType).filter((opType) => kernels.test(opType));
}

describe('layers in the branches of an If, both of them sampled', () => {
  const quantized = async () => quantizeModel(await prepared(ifModel(all)), {}, both);

  it('have integer kernels in the branches', async () => {
    const found = await integerKernels(await quantized());
    expect(found.filter((opType) => opType === 'QLinearConv')).toHaveLength(2);
    expect(found.filter((opType) => opType !== 'QLinearConv')).toHaveLength(4);
  });

  it.each([
    ['t', true, 1],
    ['e', false, 2],
  ] as const)(
    'branch %s: the codes, ranges and results of the layers without an If',
    async (label, condition, seed) => {
      const inside = await quantized();
      const twin = await quantizeModel(flatModel(all, label, seed), {}, feeds(condition));
      for (const { sites, bias, node } of twin.placement.weighted) {
        expect(inside.plan.weights.get(sites[0].id)).toEqual(twin.plan.weights.get(sites[0].id));
        if (bias) expect(inside.plan.biases.get(node.id)).toEqual(twin.plan.biases.get(node.id));
      }
      const own = [...twin.placement.values.keys()].filter((name) => name.startsWith(label));
      expect(own.length).toBeGreaterThan(3);
      for (const name of own) expect(quantizerOf(inside.plan, name)).toEqual(quantizerOf(twin.plan, name));
      for (const feed of feeds(condition))
        expect((await runIn('disabled', inside.bytes, feed)).get('y')).toEqual(
          (await runIn('disabled', twin.bytes, feed)).get('y'),
        );
    },
  );
});

describe.each<[string, () => Model]>([
  ['an If, the same names in both branches', () => ifModel(all, true)],
  ['If in If', () => nestedModel(all)],
  ['a Loop', () => loopModel(all)],
  ['a Scan', () => scanModel(all)],
  ['an If in a Scan', () => scanModel([branchLayer])],
])('layers in the bodies of %s', (_, make) => {
  it('run on integers, close to float', async () => {
    const inside = await quantizeModel(await prepared(make()), {}, both);
    expect(inside.placement.weighted.every(({ runs }) => runs.kind === 'integer')).toBe(true);
    expect(await integerKernels(inside)).toHaveLength(inside.placement.weighted.length);
    expect(await sqnrDb(inside, both)).toBeGreaterThan(30);
    const made = flatNodes(inside.emitted.model.graph).flatMap(({ outputs }) => outputs);
    expect(made).toHaveLength(new Set(made).size);
  });
});

it('an If in an If is as close to float as its layers alone', async () => {
  const inside = await quantizeModel(await prepared(nestedModel(all)), {}, both);
  const twin = await quantizeModel(flatModel(all, 'at', 1), {}, feeds(true));
  const difference = (await sqnrDb(inside, feeds(true))) - (await sqnrDb(twin, feeds(true)));
  expect(Math.abs(difference)).toBeLessThan(0.01);
});

it('a Loop computes what its steps do one after the other, in the ranges of all of them', async () => {
  const inside = await quantizeModel(await prepared(loopModel(all)), {}, feeds(true));
  const { float, plan, placement } = await quantizeModel(flatModel(all, 'l', 7, 3), {}, feeds(true));
  const activations = new Map(
    [...plan.activations].map(([name, known]) => {
      const inLoop = name === 'h' ? 'state' : name.replace(/^(l\d)_\d/, '$1');
      return [name, inside.plan.activations.get(inLoop) ?? inside.plan.activations.get('state') ?? known];
    }),
  );
  expect(placement.weighted).toHaveLength(9);
  const unrolled = emitModel(float, { ...plan, activations }).model;
  for (const feed of feeds(true))
    expect((await runIn('disabled', inside.bytes, feed)).get('y')).toEqual(
      (await runIn('disabled', unrolled, feed)).get('y'),
    );
});

it('integer operators take the place of Q and DQ in bodies, too', async () => {
  const inside = await quantizeModel(await prepared(nestedModel(all)), {}, both);
  const formed = inOperatorForm(inside.emitted.model);
  const operators = flatNodes(formed.graph).map(({ opType }) => opType);
  expect(operators.filter((opType) => kernels.test(opType))).toHaveLength(12);
  expect(operators.filter((opType) => ['Conv', 'Gemm', 'MatMul'].includes(opType))).toEqual([]);
  for (const feed of [both[0], both[8]] as [Feed, Feed])
    expect(await runIn('default', formed, feed)).toEqual(await runIn('default', inside.bytes, feed));
});

/** The elements of some values, one after the other. */
const joined = (values: ReadonlyMap<string, NdArray>, ...names: readonly string[]): number[] =>
  names.flatMap((name) => Array.from(values.get(name)?.data ?? [], Number));

it('what is observed of a Loop is what its steps hold', async () => {
  const model = await prepared(loopModel(all));
  const [feed] = feeds(true) as [Feed];
  const seen = await runIn('basic', exposing(model, ['state', 'l1']), feed);
  const flat = flatModel(all, 'l', 7, 3);
  const unrolled = await runIn('basic', exposing(flat, ['h', 'l2', 'l2_1', 'l1', 'l1_1', 'l1_2']), feed);
  expect(joined(seen, 'state')).toEqual(joined(unrolled, 'h', 'l2', 'l2_1'));
  expect(joined(seen, 'l1')).toEqual(joined(unrolled, 'l1', 'l1_1', 'l1_2'));
});

describe('a value of the main graph that bodies read', () => {
  /** x → Gemm "a" → Gemm "z", and → If: Relu → MatMul, or a Gemm. */
  async function reading() {
    const g = new GraphBuilder();
    g.input('x', [2, 8]);
    g.input('c', [], 'bool');
    g.output(gemmLayer(g, gemmLayer(g, 'x', 'a', 1), 'z', 7));
    const then = new GraphBuilder();
    then.node('Relu', ['a'], 'r');
    then.output(matMulLayer(then, 'r', 't', 3));
    const other = new GraphBuilder();
    other.output(gemmLayer(other, 'a', 'e', 4));
    g.node('If', ['c'], 'y', {
      then_branch: { kind: 'graph', value: then.graph },
      else_branch: { kind: 'graph', value: other.graph },
    });
    g.output('y');
    const given = both.map(({ x, c }) => ({ x, c }) as Feed);
    return { inside: await quantizeModel(await prepared(g.build()), {}, given), given };
  }

  it('is read as the codes that it is there, and nothing of a body runs in its kernel', async () => {
    const { inside, given } = await reading();
    expect(inside.placement.weighted.map(({ node, result }) => [node.id, result])).toEqual([
      ['a', 'a'],
      ['z', 'z'],
      ['t', 't'],
      ['e', 'e'],
    ]);
    const made = flatNodes(inside.emitted.model.graph).flatMap(({ outputs }) => outputs);
    expect(made).toHaveLength(new Set(made).size);
    const graph = await optimizedGraph(inside.bytes);
    expect(opsOf(graph)).toBe('Q QGemm QGemm If');
    const bodies = subgraphsOf(graph.nodes.at(-1) as Node).map(opsOf);
    expect(bodies.toSorted()).toEqual(['Clip MatMulIntegerToFloat', 'QGemm']);
    expect(await sqnrDb(inside, given)).toBeGreaterThan(30);
  });
});
