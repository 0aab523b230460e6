import { describe, expect, it } from 'vitest';
import { QuantizeError } from '../../src/errors.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import type { Plan } from '../../src/quantize/plan.js';
import { outputError } from '../../src/refine/output-error.js';
import { refinePlan } from '../../src/refine/refine-plan.js';
import type { Refiner } from '../../src/refine/refiner.js';
import { randomFloats } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';

const context = { seed: 0, maxMemoryBytes: undefined, pause: async () => {}, progress: () => {} };

/** x [1, 8] → Gemm "y", its plan, and as many samples as asked for. */
async function layer(samples: number) {
  const net = new Net();
  net.input('x', [1, 8]);
  const model = finish(net, net.gemm('x', 'y', 8, 4));
  const feeds = Array.from({ length: samples }, (_, i): Feed => {
    return { x: { type: 'float32', dims: [1, 8], data: randomFloats(8, 500 + i) } };
  });
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true }, feeds.slice(0, 3));
  return { plan, sources: { ...context, model, source: sourceOf(feeds) } };
}

/** The error of a layer's plan on 64 samples, an operator behind the layer. */
async function errorOf(behind: 'Softmax' | 'Tanh' | 'none') {
  const net = new Net();
  net.input('x', [1, 8]);
  const logits = net.gemm('x', 'y', 8, 4);
  const model = finish(net, behind === 'none' ? logits : net.node(behind, [logits], 'p'));
  const feeds = Array.from({ length: 64 }, (_, i): Feed => {
    return { x: { type: 'float32', dims: [1, 8], data: randomFloats(8, 500 + i) } };
  });
  const { plan } = await quantizeModel(model, { bits: 4, allLayers: true }, feeds.slice(0, 3));
  return outputError(plan, { model, source: sourceOf(feeds) });
}

/** Adds to every bias of the layer. */
const shifting = (by: number): Refiner => ({
  name: 'shift',
  summary: 'a bias that is off',
  changes: ['biases'],
  settings: [],
  async refine(plan: Plan) {
    const bias = plan.biases.get('y') ?? new Float32Array(4);
    return { change: { biases: new Map([['y', bias.map((b) => b + by)]]) }, blocks: [] };
  },
});

const steps = [{ name: 'shift', settings: {} }];

describe('what a refiner found', () => {
  it('is withdrawn where the outputs on samples held back are worse by it', async () => {
    const { plan, sources } = await layer(256);
    const next = await refinePlan(plan, [steps], [shifting(5)], sources);
    expect(next.refinements).toMatchObject([{ name: 'shift', kept: false, samples: 192, heldBack: 64 }]);
    const [record] = next.refinements;
    expect(record?.after).toBeGreaterThan(record?.before ?? 0);
    expect([next.biases, next.weights]).toEqual([plan.biases, plan.weights]);
  });

  it('is kept where they are better', async () => {
    const { plan, sources } = await layer(256);
    const worse = {
      ...plan,
      biases: new Map([['y', (plan.biases.get('y') ?? new Float32Array(4)).map((b) => b + 5)]]),
    };
    const next = await refinePlan(worse, [steps], [shifting(-5)], sources);
    expect(next.refinements).toMatchObject([{ kept: true }]);
    expect(next.biases.get('y')).not.toEqual(worse.biases.get('y'));
  });

  it('is of as many samples as the refiner takes of runs of that size, spread over all', async () => {
    const { plan, sources } = await layer(100);
    const told: unknown[] = [];
    const frugal: Refiner = {
      ...shifting(0),
      mostSamples: (settings, shapes) => {
        told.push(settings, shapes.get('y'));
        return 10;
      },
      async refine(_, { source }) {
        for await (const { feed } of source.open()) told.push(feed.x?.data[0]);
        return { change: {}, blocks: [] };
      },
    };
    const next = await refinePlan(plan, [steps], [frugal], sources);
    expect(next.refinements).toMatchObject([{ samples: 10 }]);
    const tenth = Array.from({ length: 10 }, (_, i) => randomFloats(8, 509 + 10 * i)[0]);
    expect(told).toEqual([{}, [1, 4], ...tenth]);
  });

  it('is told as far as it goes where the run is stopped', async () => {
    const { plan, sources } = await layer(8);
    const stop = new QuantizeError('interrupted', { step: 'refine', where: '', mend: 'Run it again.' });
    const halting: Refiner = {
      ...shifting(1),
      name: 'halt',
      async refine(_, { partly }) {
        partly?.({ change: { biases: new Map([['y', Float32Array.of(7, 7, 7, 7)]]) }, blocks: [] });
        throw stop;
      },
    };
    const told: Plan[] = [];
    const both = [steps, [{ name: 'halt', settings: {} }]];
    const run = refinePlan(plan, both, [shifting(1), halting], { ...sources, stopped: (p) => told.push(p) });
    await expect(run).rejects.toBe(stop);
    expect(told.map(({ biases }) => Array.from(biases.get('y') ?? []))).toEqual([[7, 7, 7, 7]]);
    expect(told[0]?.refinements.map(({ name }) => name)).toEqual(['shift']);
  });

  it('is kept unseen where there are too few to hold some back', async () => {
    const { plan, sources } = await layer(255);
    const next = await refinePlan(plan, [steps], [shifting(5)], sources);
    expect(next.refinements).toMatchObject([
      { kept: true, samples: 255, heldBack: 0, before: null, after: null },
    ]);
  });

  it('is judged by logits where the output is of probabilities', async () => {
    const own = await errorOf('Softmax');
    expect(own).toBeCloseTo(await errorOf('none'), 12);
    expect(await errorOf('Tanh')).not.toBeCloseTo(own, 6);
  });
});

describe('of the refiners of a stage', () => {
  const gentle = { ...shifting(-4), name: 'gentle' };
  const exact = { ...shifting(-5), name: 'exact' };
  const nudge = { ...shifting(-1), name: 'nudge' };
  const harmful = { ...shifting(9), name: 'harmful' };
  const stageOf = (...names: string[]) => names.map((name) => ({ name, settings: {} }));

  /** A plan whose biases are 5 too large, refined in stages. */
  async function refinedBy(stages: ReturnType<typeof stageOf>[], samples: number) {
    const { plan, sources } = await layer(samples);
    const biases = new Map([['y', (plan.biases.get('y') ?? new Float32Array(4)).map((b) => b + 5)]]);
    const next = await refinePlan({ ...plan, biases }, stages, [gentle, exact, nudge, harmful], sources);
    return next.refinements.map(({ name, kept }) => [name, kept]);
  }

  it('the one is kept whose outputs are best on samples held back, and all are told', async () => {
    expect(await refinedBy([stageOf('gentle', 'exact', 'harmful')], 256)).toEqual([
      ['gentle', false],
      ['exact', true],
      ['harmful', false],
    ]);
    expect(await refinedBy([stageOf('exact', 'gentle')], 256)).toEqual([
      ['exact', true],
      ['gentle', false],
    ]);
  });

  it('the next stage goes on from what was kept', async () => {
    expect(await refinedBy([stageOf('harmful', 'gentle'), stageOf('exact'), stageOf('nudge')], 256)).toEqual([
      ['harmful', false],
      ['gentle', true],
      ['exact', false],
      ['nudge', true],
    ]);
  });

  it('the first is taken where none are held back, and the others are not tried', async () => {
    expect(await refinedBy([stageOf('gentle', 'exact')], 255)).toEqual([['gentle', true]]);
  });
});
