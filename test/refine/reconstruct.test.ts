import { describe, expect, it } from 'vitest';
import { emitModel } from '../../src/emit/emit-model.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import type { Plan } from '../../src/quantize/plan.js';
import { type Rule, stepsOf } from '../../src/recipe.js';
import { distill } from '../../src/refine/distill.js';
import { reconstruct } from '../../src/refine/reconstruct.js';
import { refinePlan } from '../../src/refine/refine-plan.js';
import { refiners } from '../../src/refine/refiners.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { runIn } from '../support/sessions.js';

const context = { seed: 0, maxMemoryBytes: undefined, pause: async () => {}, progress: () => {} };
const DIMS = [1, 4, 6, 6];
const COUNT = 48;

function feedsFrom(seed: number): Feed[] {
  return Array.from({ length: COUNT }, (_, i) => ({
    x: { type: 'float32', dims: DIMS, data: randomFloats(144, seed + i) },
  }));
}

/** stem → relu → residual block (a, b) → head, and samples. */
function residual(between: (net: Net, value: string) => string = (_, value) => value): Model {
  const net = new Net();
  net.input('x', ['n', ...DIMS.slice(1)]);
  net.node('Relu', [net.conv('x', 'stem')], 'r');
  net.node('Relu', [between(net, net.conv('r', 'a'))], 's');
  net.node('Add', [net.conv('s', 'b'), 'r'], 'sum');
  net.node('Relu', ['sum'], 't');
  return finish(net, net.conv('t', 'y'));
}

async function refined(
  text: string,
  {
    model = residual(),
    bits = 3,
    scheme = 'minmax',
    actBits = 4 as number | 'float',
    seed = 0,
    count = COUNT,
    rules = [] as Rule[],
  } = {},
): Promise<{ model: Model; plan: Plan; next: Plan }> {
  const feeds = feedsFrom(100).slice(0, count);
  const recipe = {
    bits,
    scheme,
    allLayers: true,
    rules,
    activations: actBits === 'float' ? { kind: actBits } : { bits: actBits },
  };
  const { plan } = await quantizeModel(model, recipe, feeds.slice(0, 8));
  const steps = stepsOf(text, refiners);
  if (typeof steps === 'string') throw new Error(steps);
  const next = await refinePlan(
    plan,
    steps.map((step) => [step]),
    refiners,
    {
      ...context,
      seed,
      model,
      source: sourceOf(feeds),
    },
  );
  return { model, plan, next };
}

/** Squared error of the written model's outputs over the squared signal, in onnxruntime. */
async function errorOf(model: Model, plan: Plan, feeds: readonly Feed[]): Promise<number> {
  const quantized = emitModel(model, plan).model;
  let [error, signal] = [0, 0];
  for (const feed of feeds) {
    const a = (await runIn('disabled', model, feed)).get('y')?.data as Float32Array;
    const b = (await runIn('disabled', quantized, feed)).get('y')?.data as Float32Array;
    a.forEach((value, i) => {
      error += (value - (b[i] as number)) ** 2;
      signal += value ** 2;
    });
  }
  return error / signal;
}

const others = feedsFrom(700);

describe('reconstruct', () => {
  it.each([
    ['lsq', 'minmax', 'reconstruct:steps=60,drop=0'],
    ['codebook', 'kmeans', 'reconstruct:steps=60:drop=0'],
    ['adaround', 'minmax', 'reconstruct:steps=200:weights=adaround'],
    ['dsq', 'minmax', 'reconstruct:steps=60:weights=dsq:activations=dsq'],
    ['lsqplus', 'minmax', 'reconstruct:steps=60:weights=lsqplus:activations=lsqplus'],
  ])('by %s makes the outputs of the written model better on other samples', async (_, scheme, text) => {
    const { model, plan, next } = await refined(text, { scheme, bits: scheme === 'kmeans' ? 2 : 3 });
    const [before, after] = [await errorOf(model, plan, others), await errorOf(model, next, others)];
    expect(after).toBeLessThan(0.9 * before);
  });

  it('learns weights alone of a layer that has no place for a bias', async () => {
    const net = new Net();
    net.input('x', ['n', ...DIMS.slice(1)]);
    net.node('Relu', [net.matMul('x', 'a', 6, 6)], 'r');
    const model = finish(net, net.matMul('r', 'y', 6, 6));
    const { next } = await refined('reconstruct:steps=20', { model, actBits: 'float' });
    const blocks = next.refinements[0]?.blocks ?? [];
    expect(blocks.map((block) => 'left' in block)).toEqual([false, false]);
    expect(next.biases.size).toBe(0);
  });

  it('goes block by block, and keeps what of each is better', async () => {
    const { next } = await refined('reconstruct:steps=40');
    const blocks = next.refinements[0]?.blocks ?? [];
    expect(blocks.map(({ id }) => id)).toEqual(['stem', 'b', 'y']);
    for (const block of blocks) {
      if ('left' in block) throw new Error(block.left);
      expect(block.after).toBeLessThanOrEqual(block.before);
      expect(block.losses?.length).toBeGreaterThan(1);
    }
  });

  it('writes what it computed: the last block’s error is that of the written model', async () => {
    const { model, next } = await refined('distill:steps=40');
    const [block] = next.refinements[0]?.blocks ?? [];
    if (!block || 'left' in block) throw new Error('one block');
    const written = await errorOf(model, next, feedsFrom(100).slice(0, 32));
    // The 32 samples of its one whole batch.
    expect(Math.abs(written / block.after - 1)).toBeLessThan(0.002);
  });

  it('counts what blocks inside give by their relative error, in units of an output that is all wrong', async () => {
    const lossOf = async (hints: number) => {
      const text = `distill:steps=1:copies=0:hints=${hints}`;
      const { model, plan, next } = await refined(text, { count: 32 });
      const [block] = next.refinements[0]?.blocks ?? [];
      if (!block || 'left' in block) throw new Error('one block');
      return { model, plan, loss: block.losses?.[0] ?? 0 };
    };
    const { model, plan, loss } = await lossOf(0);
    // The written model has no Relu where its quantizer cuts at 0 already.
    const withInner = ({ graph, ...rest }: Model): Model => ({
      ...rest,
      graph: {
        ...graph,
        outputs: [...graph.outputs, { name: 't', dataType: 'float32', shape: undefined }],
      },
    });
    const [float, quantized] = [withInner(model), withInner(emitModel(model, plan).model)];
    const sums = { t: [0, 0], y: [0, 0] };
    // All of the one batch.
    for (const feed of feedsFrom(100).slice(0, 32)) {
      const [a, b] = [await runIn('disabled', float, feed), await runIn('disabled', quantized, feed)];
      for (const [name, sum] of Object.entries(sums))
        Array.from((a.get(name) as NdArray).data as Float32Array).forEach((wanted, i) => {
          const found = b.get(name)?.data[i] as number;
          sum[0] = (sum[0] as number) + (wanted - (name === 'y' ? found : Math.max(0, found))) ** 2;
          sum[1] = (sum[1] as number) + wanted ** 2;
        });
    }
    const places = 32 * 36;
    const share = ([error = 0, energy = 0]: number[]) => error / energy;
    expect(Math.abs((sums.y[0] ?? 0) / places / loss - 1)).toBeLessThan(0.01);
    const wanted = ((sums.y[1] ?? 0) / places) * 2 * share(sums.t);
    expect(Math.abs(((await lossOf(2)).loss - loss) / wanted - 1)).toBeLessThan(0.01);
  });

  it('gives the same plan for the same seed, and another for another', async () => {
    const text = 'reconstruct:steps=20';
    const [one, two, three] = [await refined(text), await refined(text), await refined(text, { seed: 7 })];
    expect(two.next.weights).toEqual(one.next.weights);
    expect(two.next.activations).toEqual(one.next.activations);
    expect(two.next.biases).toEqual(one.next.biases);
    expect(three.next.weights).not.toEqual(one.next.weights);
  });

  it('learns each block by itself on float inputs, whatever is left of those before it', async () => {
    const text = 'reconstruct:steps=20:inputs=';
    const rules = [{ pattern: 'stem', bits: 2 }];
    const learned = async (inputs: string, given: Rule[]) => {
      const { next } = await refined(`${text}${inputs}`, { rules: given });
      const [, ...others] = next.refinements[0]?.blocks ?? [];
      return { others, y: next.weights.get('y#1'), stem: next.weights.get('stem#1') };
    };
    const [one, two] = [await learned('float', []), await learned('float', rules)];
    expect(two.stem).not.toEqual(one.stem);
    expect(two.others).toEqual(one.others);
    expect(two.y).toEqual(one.y);
    const [three, four] = [await learned('quantized', []), await learned('quantized', rules)];
    expect(four.y).not.toEqual(three.y);
    expect(three.y).not.toEqual(one.y);
  });

  it('learns on the inputs of the start what a shard learns that has no other block', async () => {
    const { model, plan } = await refined('none');
    const usual = Object.fromEntries(reconstruct.settings.map(({ key, usual }) => [key, usual]));
    const learned = (inputs: string, index: number, count: number) => {
      const settings = { ...usual, steps: 20, inputs };
      const sources = { ...context, model, source: sourceOf(feedsFrom(100)), settings };
      return reconstruct.apart?.learn(plan, sources, { index, count });
    };
    for (const inputs of ['start', 'float']) {
      const whole = (await learned(inputs, 1, 1))?.blocks ?? [];
      const parts = [await learned(inputs, 1, 3), await learned(inputs, 2, 3), await learned(inputs, 3, 3)];
      const blocks = parts.flatMap((part) => part?.blocks ?? []).sort((a, b) => a.at - b.at);
      expect(blocks).toHaveLength(3);
      expect(blocks).toEqual(whole);
    }
    const weightOf = async (inputs: string) =>
      (await refined(`reconstruct:steps=20:inputs=${inputs}`)).next.weights.get('y#1');
    const [start, float, quantized] = [
      await weightOf('start'),
      await weightOf('float'),
      await weightOf('quantized'),
    ];
    expect(start).not.toEqual(float);
    expect(start).not.toEqual(quantized);
  });

  it.each(['start', 'float'])('makes the outputs better on inputs of %s, too', async (inputs) => {
    const { model, plan, next } = await refined(`reconstruct:steps=60:inputs=${inputs}`);
    const [before, after] = [await errorOf(model, plan, others), await errorOf(model, next, others)];
    expect(after).toBeLessThan(0.9 * before);
  });

  it('leaves a block with an operator that has no derivative as it was, and names it', async () => {
    const model = residual((net, value) => {
      net.int64('axis', [2]);
      net.node('Squeeze', ['axis'], 'axis0');
      return net.node('CumSum', [value, 'axis0'], 'cumulated');
    });
    const { plan, next } = await refined('reconstruct:steps=10', { model });
    const left = next.refinements[0]?.blocks.flatMap((block) => ('left' in block ? [block] : []));
    expect(left).toEqual([{ id: 'b', left: expect.stringContaining('CumSum') }]);
    expect(next.weights.get('a#1')).toEqual(plan.weights.get('a#1'));
    expect(next.weights.get('y#1')).not.toEqual(plan.weights.get('y#1'));
  });

  it('changes nothing that it is told to keep', async () => {
    const { plan, next } = await refined('reconstruct:steps=10:weights=keep');
    expect(next.weights).toEqual(plan.weights);
    expect(next.activations).not.toEqual(plan.activations);
    const kept = await refined('reconstruct:steps=10:activations=keep');
    expect([...kept.next.activations]).toEqual([...kept.plan.activations]);
  });

  it('stops between two steps where the run is asked to', async () => {
    const { model, plan } = await refined('reconstruct:steps=1');
    let calls = 0;
    const pause = async () => {
      if (++calls > 5) throw new Error('stop');
    };
    const sources = { ...context, pause, model, source: sourceOf(feedsFrom(100)) };
    const settings = Object.fromEntries(reconstruct.settings.map(({ key, usual }) => [key, usual]));
    await expect(reconstruct.refine(plan, { ...sources, settings })).rejects.toThrow('stop');
    expect(calls).toBe(6);
  });
});

describe('distill', () => {
  it('learns the whole network at once', async () => {
    const { model, plan, next } = await refined('distill:steps=60');
    expect(next.refinements[0]?.blocks).toHaveLength(1);
    const [before, after] = [await errorOf(model, plan, others), await errorOf(model, next, others)];
    expect(after).toBeLessThan(0.9 * before);
    expect(distill.changes).toEqual(['weights', 'biases', 'activations']);
  });
});
