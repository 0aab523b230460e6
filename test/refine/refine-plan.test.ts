import { describe, expect, it } from 'vitest';
import type { Feed } from '../../src/numerics/nd-array.js';
import type { Plan } from '../../src/quantize/plan.js';
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
    const next = await refinePlan(plan, steps, [shifting(5)], sources);
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
    const next = await refinePlan(worse, steps, [shifting(-5)], sources);
    expect(next.refinements).toMatchObject([{ kept: true }]);
    expect(next.biases.get('y')).not.toEqual(worse.biases.get('y'));
  });

  it('is kept unseen where there are too few to hold some back', async () => {
    const { plan, sources } = await layer(255);
    const next = await refinePlan(plan, steps, [shifting(5)], sources);
    expect(next.refinements).toMatchObject([
      { kept: true, samples: 255, heldBack: 0, before: null, after: null },
    ]);
  });
});
