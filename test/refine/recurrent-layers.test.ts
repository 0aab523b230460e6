import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import type { Model } from '../../src/graph/model.js';
import { floatsOf } from '../../src/graph/tensor.js';
import { type Feed, numbersOf } from '../../src/numerics/nd-array.js';
import type { Plan } from '../../src/quantize/plan.js';
import { stepsOf } from '../../src/recipe.js';
import { refinableLayers } from '../../src/refine/layers.js';
import { isLinearProduct, recurrentLayers } from '../../src/refine/recurrent-layers.js';
import { refinePlan } from '../../src/refine/refine-plan.js';
import { refiners } from '../../src/refine/refiners.js';
import { twinGraphOf } from '../../src/refine/twin-graph.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { type RecurrentNet, recurrentFeeds, recurrentNet, SIZES } from '../support/recurrent-net.js';
import { runIn } from '../support/sessions.js';

const { cells } = SIZES;
const recipe = { bits: 3, scheme: 'minmax', allLayers: true, activations: { kind: 'float' } } as const;
const context = { seed: 0, maxMemoryBytes: undefined, pause: async () => {}, progress: () => {} };

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Y of an LSTM, [steps, directions, 1, cells], from W·x and R·h with their biases for every step: the operator's equations. */
function lstm(
  w: ArrayLike<number>,
  r: ArrayLike<number>,
  steps: number,
  reverse: readonly boolean[],
): number[] {
  const directions = reverse.length;
  const y = new Array<number>(steps * directions * cells);
  reverse.forEach((isReverse, d) => {
    const c = new Float64Array(cells);
    for (let step = 0; step < steps; step++) {
      const t = isReverse ? steps - 1 - step : step;
      for (let k = 0; k < cells; k++) {
        const at = (gate: number) => (t * directions + d) * 4 * cells + gate * cells + k;
        const [i, o, f, g] = [0, 1, 2, 3].map(
          (gate) => (w[at(gate)] as number) + (r[at(gate)] as number),
        ) as [number, number, number, number];
        c[k] = sigmoid(f) * (c[k] as number) + sigmoid(i) * Math.tanh(g);
        y[(t * directions + d) * cells + k] = sigmoid(o) * Math.tanh(c[k] as number);
      }
    }
  });
  return y;
}

describe('the products of a recurrent layer', () => {
  it.each([
    ['forward', [false], false],
    ['reverse', [true], true],
    ['bidirectional', [false, true], true],
  ] as const)('of an LSTM %s are what its gates add up', async (direction, reverse, hasStart) => {
    const model = recurrentNet({ opType: 'LSTM', direction, hasStart });
    const { plan } = await quantizeModel(model, recipe);
    const layers = recurrentLayers(model.graph, plan);
    const twin = twinGraphOf(model, plan, layers);
    const [w, r] = twin.layers.map(({ float }) => float) as [string, string];
    const outputs = ['h', w, r].map((name) => ({ name, dataType: undefined, shape: undefined }));
    const graph = { ...model.graph, nodes: [...twin.nodes], initializers: twin.constants, outputs };
    const found = await runIn('disabled', { ...model, graph }, recurrentFeeds(1, 3)[0] as Feed);
    const values = (name: string) =>
      numbersOf(found.get(name) ?? { type: 'float32', dims: [], data: new Float32Array() });
    const expected = lstm(values(w), values(r), 5, reverse);
    const given = values('h');
    expect(given.length).toBe(expected.length);
    for (const [at, value] of expected.entries()) expect(given[at]).toBeCloseTo(value, 5);
  });

  it('leave out R of a GRU whose last gate reads something else, and what has lengths or its batch first', async () => {
    const sitesOf = async (net: RecurrentNet) => {
      const model = recurrentNet(net);
      const { plan } = await quantizeModel(model, recipe);
      return recurrentLayers(model.graph, plan)
        .filter(isLinearProduct)
        .map(({ id }) => id);
    };
    expect(await sitesOf({ opType: 'GRU' })).toEqual(['h#1']);
    expect(await sitesOf({ opType: 'GRU', attributes: { linear_before_reset: 1 } })).toEqual(['h#1', 'h#2']);
    expect(await sitesOf({ opType: 'RNN' })).toEqual(['h#1', 'h#2']);

    const model = recurrentNet({ opType: 'LSTM', hasStart: true });
    const { plan } = await quantizeModel(model, recipe);
    const own = model.graph.nodes.find(({ opType }) => opType === 'LSTM');
    if (!own) throw new Error('no LSTM');
    own.inputs[4] = 'shape';
    expect(recurrentLayers(model.graph, plan)).toEqual([]);
    own.inputs[4] = '';
    own.attributes.set('layout', { kind: 'int', value: 1n });
    expect(recurrentLayers(model.graph, plan)).toEqual([]);
    expect(refinableLayers(model.graph, plan).map(({ id }) => id)).toEqual(['y']);
  });
});

/** Squared error of a value of the written model over the squared signal, in onnxruntime. */
async function errorOf(model: Model, plan: Plan, feeds: readonly Feed[], value = 'h'): Promise<number> {
  const outputs = [{ name: value, dataType: undefined, shape: undefined }];
  const exposing = (of: Model): Model => ({ ...of, graph: { ...of.graph, outputs } });
  const quantized = exposing(emitModel(model, plan).model);
  let [error, signal] = [0, 0];
  for (const feed of feeds) {
    const a = (await runIn('disabled', exposing(model), feed)).get(value)?.data as Float32Array;
    const b = (await runIn('disabled', quantized, feed)).get(value)?.data as Float32Array;
    a.forEach((value, i) => {
      error += (value - (b[i] as number)) ** 2;
      signal += value ** 2;
    });
  }
  return error / signal;
}

describe('second-order', () => {
  it.each<[string, RecurrentNet, string[]]>([
    ['an LSTM', { opType: 'LSTM' }, ['h#1', 'h#2']],
    ['an LSTM in both directions', { opType: 'LSTM', direction: 'bidirectional' }, ['h#1', 'h#2']],
    ['an LSTM without a bias', { opType: 'LSTM', hasBias: false }, ['h#1', 'h#2']],
    ['a GRU', { opType: 'GRU' }, ['h#1']],
    [
      'a GRU that resets behind the product',
      { opType: 'GRU', attributes: { linear_before_reset: 1 } },
      ['h#1', 'h#2'],
    ],
    ['an RNN', { opType: 'RNN', direction: 'reverse' }, ['h#1', 'h#2']],
  ])('makes what %s gives better on other samples', async (_, net, sites) => {
    const model = recurrentNet(net);
    const { plan } = await quantizeModel(model, recipe);
    const source = sourceOf(recurrentFeeds(96, 100));
    const next = await refinePlan(plan, [[{ name: 'second-order', settings: {} }]], refiners, {
      ...context,
      model,
      source,
    });
    expect(next.refinements[0]?.blocks.map(({ id }) => id)).toEqual([...sites, 'y']);
    expect([...next.biases.keys()]).toEqual(sites);
    for (const site of sites) expect(next.weights.get(site)).not.toEqual(plan.weights.get(site));
    const others = recurrentFeeds(24, 900);
    const [before, after] = [await errorOf(model, plan, others), await errorOf(model, next, others)];
    expect(after).toBeLessThan(0.85 * before);
  });
});

describe('learning', () => {
  it.each<[string, RecurrentNet, string]>([
    ['an LSTM', { opType: 'LSTM' }, 'minmax'],
    ['an LSTM in both directions', { opType: 'LSTM', direction: 'bidirectional' }, 'kmeans'],
    ['a GRU', { opType: 'GRU' }, 'minmax'],
    ['an RNN', { opType: 'RNN', direction: 'reverse' }, 'minmax'],
  ])('through %s makes the outputs better, and writes what it computed', async (_, net, scheme) => {
    const model = recurrentNet(net);
    const { plan } = await quantizeModel(model, { ...recipe, scheme, bits: scheme === 'kmeans' ? 2 : 3 });
    const feeds = recurrentFeeds(64, 100);
    const steps = stepsOf('distill:steps=120:latent=no', refiners);
    if (typeof steps === 'string') throw new Error(steps);
    const next = await refinePlan(plan, [steps], refiners, {
      ...context,
      model,
      source: sourceOf(feeds),
    });
    const [block] = next.refinements[0]?.blocks ?? [];
    if (!block || 'left' in block) throw new Error(block?.left ?? 'no block');
    expect(block.after).toBeLessThan(0.8 * block.before);
    expect([...next.biases.keys()].slice(0, 2)).toEqual(['h#1', 'h#2']);
    const written = await errorOf(model, next, feeds, 'y');
    expect(Math.abs(written / block.after - 1)).toBeLessThan(0.002);
  });
});

it('writes the halves of a bias where the operator has them, direction after direction', async () => {
  const model = recurrentNet({ opType: 'LSTM', direction: 'bidirectional' });
  const { plan } = await quantizeModel(model, recipe);
  const half = Float32Array.from({ length: 64 }, (_, i) => 100 + i);
  const { model: written } = emitModel(model, { ...plan, biases: new Map([['h#2', half]]) });
  const own = written.graph.nodes.find(({ opType }) => opType === 'LSTM');
  const bias = written.graph.initializers.get(own?.inputs[3] ?? '');
  const was = model.graph.initializers.get('b');
  if (!bias || !was) throw new Error('no bias');
  expect(bias.dims).toEqual([2, 64]);
  const [found, before] = [[...floatsOf(bias)], [...floatsOf(was)]];
  expect(found.slice(0, 32)).toEqual(before.slice(0, 32));
  expect(found.slice(32, 64)).toEqual([...half.subarray(0, 32)]);
  expect(found.slice(64, 96)).toEqual(before.slice(64, 96));
  expect(found.slice(96)).toEqual([...half.subarray(32)]);
});
