import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { ActivationStore } from '../../src/refine/activation-store.js';
import { moments } from '../../src/refine/moments.js';
import { Walk } from '../../src/refine/walk.js';
import { keyOf } from '../../src/refine/walk-lane.js';
import { WalkThreads } from '../../src/refine/walk-threads.js';
import { randomFeed, randomFloats } from '../support/graph-builder.js';
import { finish, Net, residual } from '../support/nets.js';
import { quantizeModel, sourceOf } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const before = process.env.TMPDIR;
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});

const feeds: readonly Feed[] = Array.from({ length: 7 }, (_, i) => randomFeed('x', [1, 4, 6, 6], i));
const steps = ['a', 'b', 'sum', 'y'];
const UNLIMITED = Number.POSITIVE_INFINITY;
const twice = (value: string) => ({
  nodes: [node('Add', [value, value], [`${value}_twice`])],
  constants: new Map(),
});

/** What each step gives of each chunk; the weight of `b` is made anew before its step. */
async function walked(
  threads: number | undefined,
  { budgetBytes = UNLIMITED, during = () => {} } = {},
): Promise<{ told: [string, number][]; results: NdArray[] }> {
  const model = residual();
  const { nodes, initializers } = model.graph;
  const store = new ActivationStore(budgetBytes);
  feeds.forEach((feed, chunk) => {
    store.put(keyOf(chunk, 'x'), feed.x as NdArray);
  });
  const others = threads ? new WalkThreads(feeds.length, { threads, budgetBytes, patienceMs: 0 }) : undefined;
  const fed = { store, names: ['x'], samples: feeds.map(() => 1) };
  const constants = new Map(initializers);
  const walk = new Walk(model, { nodes, constants }, fed, [...steps.map((value) => [value])], others);
  const told: [string, number][] = [];
  const results: NdArray[] = [];
  try {
    for (const value of steps) {
      if (value === 'b') {
        const data = randomFloats(4 * 4 * 9, 99, -1, 1);
        constants.set('b_weight', tensorOf({ type: 'float32', dims: [4, 4, 3, 3], data }));
      }
      const step = { needs: [value], own: twice(value), results: [`${value}_twice`] };
      await walk.next(step, (made, chunk) => {
        told.push([value, chunk]);
        results.push(made.get(`${value}_twice`) as NdArray);
      });
      during();
    }
  } finally {
    await others?.close();
    store.clear();
  }
  return { told, results };
}

describe('a walk in threads', () => {
  it.each([2, 3, 8])('gives what one thread gives, in the order of the chunks, with %i', async (threads) => {
    const spread = await walked(threads);
    expect(spread).toEqual(await walked(1));
    expect(spread.told).toEqual(steps.flatMap((value) => feeds.map((_, chunk) => [value, chunk])));
  });

  it('gives what onnxruntime makes of the whole model', async () => {
    const { results } = await walked(3);
    const model = residual();
    const data = randomFloats(4 * 4 * 9, 99, -1, 1);
    model.graph.initializers.set('b_weight', tensorOf({ type: 'float32', dims: [4, 4, 3, 3], data }));
    for (const [chunk, feed] of feeds.entries()) {
      const y = numbersOf((await runIn('disabled', model, feed)).get('y'));
      const found = numbersOf(results[3 * feeds.length + chunk]);
      expect(found.map((value) => value / 2)).toEqual(y.map((value) => expect.closeTo(value, 4)));
    }
  });

  it('keeps what is beyond the memory in files, of which none is left', async () => {
    const folder = temporaryFolder();
    process.env.TMPDIR = folder;
    let most = 0;
    const during = () => {
      most = Math.max(most, readdirSync(folder).length);
    };
    const spread = await walked(3, { budgetBytes: 0, during });
    // One folder for each thread, this one included.
    expect(most).toBe(3);
    expect(readdirSync(folder)).toEqual([]);
    expect(spread.results).toEqual((await walked(1)).results);
  });

  it('starts none for steps that are done soon', async () => {
    const store = new ActivationStore(UNLIMITED);
    const others = new WalkThreads(4, { threads: 4, budgetBytes: UNLIMITED, patienceMs: 1e6 });
    expect(await others.taken(9, new Set(), store)).toBeUndefined();
    expect(await others.taken(8, new Set(), store)).toBeUndefined();
    await others.close();
  });
});

describe('moments in threads', () => {
  const context = { seed: 0, maxMemoryBytes: undefined, pause: async () => {}, progress: () => {} };
  const dims = [1, 4, 6, 6];
  const pairs = Array.from({ length: 40 }, (_, i) => ({
    ...randomFeed('x', dims, 100 + i),
    ...randomFeed('z', dims, 200 + i),
  }));
  /** The same, one of a thread's with a value that no run takes, which the first layer does not read. */
  const broken = pairs.map((feed, i) => (i === 4 ? { ...feed, ...randomFeed('z', [1, 3, 6, 6], 0) } : feed));

  /** x → Conv, + z → Conv → y, refined; the samples are opened twice for a walk. */
  async function refined(threads: number, brokenUntil = 0) {
    const net = new Net();
    net.input('x', dims);
    net.input('z', dims);
    const sum = net.node('Add', [net.conv('x', 'a'), 'z'], 's');
    const { plan, float } = await quantizeModel(finish(net, net.conv(sum, 'y')), { bits: 4 }, pairs);
    let opened = 0;
    const whole = sourceOf(pairs);
    // The float side is opened before, and walks in one step.
    const open = () => (++opened % 4 !== 2 && opened <= brokenUntil ? sourceOf(broken).open() : whole.open());
    const found = await moments.refine(plan, {
      ...{ ...context, model: float, source: { ...whole, open }, settings: { samples: 0 } },
      sharing: { threads, patienceMs: 0 },
    });
    return { found, opened };
  }

  it('gives the same numbers', async () => {
    const { found } = await refined(1);
    expect(await refined(3)).toEqual({ found, opened: 4 });
    expect(found.change.weights?.size).toBe(2);
  });

  it('begins anew on one thread where another fails', async () => {
    const { found } = await refined(1);
    expect(await refined(3, 4)).toEqual({ found, opened: 8 });
  });

  it('says what a run fails at, as one thread does', async () => {
    const error = await expectRefusal(() => refined(3, 8), 'runtime-failed', 3);
    expect(error.facts.what).toBe('a part of the model');
  });
});
