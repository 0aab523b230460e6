import { describe, expect, it } from 'vitest';
import type { Model } from '../../../src/graph/model.js';
import { stepsOf } from '../../../src/recipe.js';
import { orderOf, sampleAxisOf, withAxisAt } from '../../../src/refine/learning/sample-axes.js';
import { refinePlan } from '../../../src/refine/refine-plan.js';
import { refiners } from '../../../src/refine/refiners.js';
import { randomFloats } from '../../support/graph-builder.js';
import { finish, Net } from '../../support/nets.js';
import { quantizeModel, sourceOf } from '../../support/quantize-model.js';
import { recurrentFeeds, SIZES } from '../../support/recurrent-net.js';
import { runIn } from '../../support/sessions.js';

const STEPS = 8;

/**
 * x [n, 8, 6] → steps first → two LSTM layers that begin at zeros of the batch's size → samples first → MatMul, "y", as
 * exporters write it: between the layers samples are along the second axis.
 */
function stacked(batch: number | 'n'): Model {
  const { inputs, cells } = SIZES;
  const net = new Net();
  net.input('x', [batch, STEPS, inputs]);
  net.int64('first', [0]);
  net.node('Gather', [net.node('Shape', ['x'], 'shape'), 'first'], 'count');
  net.int64('one', [1]);
  net.int64('cells', [cells]);
  net.node('Concat', ['one', 'count', 'cells'], 'dims', { axis: 0 });
  net.node('ConstantOfShape', ['dims'], 'start');
  let value = net.node('Transpose', ['x'], 'turned', { perm: [1, 0, 2] });
  for (const [name, width] of [
    ['h', inputs],
    ['k', cells],
  ] as const) {
    net.random(`${name}_w`, [1, 4 * cells, width]);
    net.random(`${name}_r`, [1, 4 * cells, cells]);
    const read = [value, `${name}_w`, `${name}_r`, '', '', 'start', 'start'];
    net.node('LSTM', read, name, { hidden_size: cells });
    value = net.node('Squeeze', [name, 'one'], `${name}_flat`);
  }
  net.node('Transpose', [value], 'samples', { perm: [1, 0, 2] });
  net.random('o', [cells, 2]);
  return finish(net, net.node('MatMul', ['samples', 'o'], 'y'));
}

/** What `reconstruct` records of each block. */
async function blocksOf(model: Model, samples: number) {
  const feeds = recurrentFeeds(samples, 30, STEPS);
  const { plan } = await quantizeModel(model, { bits: 3, allLayers: true }, feeds);
  const steps = stepsOf('reconstruct:steps=20:drop=0.5', refiners);
  if (typeof steps === 'string') throw new Error(steps);
  const { refinements } = await refinePlan(
    plan,
    steps.map((step) => [step]),
    refiners,
    {
      seed: 0,
      maxMemoryBytes: undefined,
      pause: async () => {},
      progress: () => {},
      model,
      source: sourceOf(feeds),
    },
  );
  return (refinements[0]?.blocks ?? []).map((block) => {
    if ('left' in block) throw new Error(block.left);
    return block;
  });
}

describe('blocks of a network that has its steps first inside', () => {
  it('are learned, of as many samples as steps as well', async () => {
    const together = await blocksOf(stacked('n'), STEPS);
    const alone = await blocksOf(stacked(1), STEPS);
    expect(together.map(({ id }) => id)).toEqual(alone.map(({ id }) => id));
    expect(together.length).toBeGreaterThan(1);
    // A model that takes one sample at a time cannot mix them up.
    expect(together[0]?.before).toBeCloseTo(alone[0]?.before ?? 0, 7);
    for (const { before, after } of together) expect(after).toBeLessThanOrEqual(before);
    expect(together.some(({ before, after }) => after < before)).toBe(true);
  });
});

describe('sampleAxisOf', () => {
  it('says along which axis samples are, and that shapes of them have none', async () => {
    const model = stacked('n');
    const source = sourceOf(recurrentFeeds(2, 30, STEPS));
    const axisOf = await sampleAxisOf(model, source, ['x', 'turned', 'h', 'start', 'dims', 'y', 'elsewhere']);
    expect(axisOf('x', [8, STEPS, 6], 8)).toBe(0);
    expect(axisOf('turned', [STEPS, 8, 6], 8)).toBe(1);
    expect(axisOf('h', [STEPS, 1, 8, 8], 8)).toBe(2);
    expect(axisOf('start', [1, 8, 8], 8)).toBe(1);
    expect(axisOf('dims', [3], 8)).toBeUndefined();
    expect(axisOf('y', [8, STEPS, 2], 8)).toBe(0);
    // What grows, but not as the samples do, as a list of what was found in them.
    expect(axisOf('y', [9, STEPS, 2], 8)).toBeUndefined();
  });

  it('takes several rows of each sample along the first axis alone', async () => {
    const net = new Net();
    net.input('x', ['n', 3, 4]);
    net.int64('rows', [-1, 4]);
    net.node('Reshape', ['x', 'rows'], 'flat');
    net.node('Transpose', ['flat'], 'turned', { perm: [1, 0] });
    const model = finish(net, net.matMul('turned', 'y', 3, 2));
    const feed = { x: { type: 'float32', dims: [1, 3, 4], data: randomFloats(12, 1) } } as const;
    const axisOf = await sampleAxisOf(model, sourceOf([feed]), ['flat', 'turned']);
    expect(axisOf('flat', [15, 4], 5)).toBe(0);
    expect(axisOf('turned', [4, 15], 5)).toBeUndefined();
  });
});

describe('withAxisAt', () => {
  it.each([
    [0, 2],
    [2, 0],
    [1, 3],
    [3, 1],
  ])('moves axis %i to %i as Transpose of onnxruntime does', async (from, to) => {
    const dims = [2, 3, 4, 5];
    const array = { type: 'float32', dims, data: randomFloats(120, 7) } as const;
    const net = new Net();
    net.input('x', dims);
    const model = finish(net, net.node('Transpose', ['x'], 'y', { perm: orderOf(4, from, to) }));
    const wanted = (await runIn('disabled', model, { x: array })).get('y');
    const found = withAxisAt(array, from, to);
    expect(found.dims).toEqual(wanted?.dims);
    expect(found.data).toEqual(wanted?.data);
    expect(withAxisAt(found, to, from).data).toEqual(array.data);
  });
});
