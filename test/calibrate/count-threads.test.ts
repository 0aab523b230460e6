import { describe, expect, it } from 'vitest';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { type CalibrationSettings, calibrate } from '../../src/calibrate/calibrate.js';
import { KeptOutputs } from '../../src/calibrate/kept-outputs.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { contentOf } from '../support/statistics.js';

/** Two convolutions, and a sum that fits rows of 4 alone. */
function net(): Model {
  const g = new Net();
  g.input('x', ['n', 4, 'height', 4]);
  return finish(g, g.conv(g.node('Relu', [g.conv('x', 'a')], 'r'), 'y'));
}

const values = ['x', 'a', 'r'];
/** Large and small in turn, so that threads end out of order; some with elements that are not finite. */
const feeds: readonly Feed[] = Array.from({ length: 17 }, (_, i) => {
  const feed = randomFeed('x', [2, 4, i % 3 === 0 ? 600 : 5, 4], i);
  if (i % 5 === 0) (feed.x?.data as Float32Array)[1] = Number.NaN;
  return feed;
});
const threaded: CalibrationSettings = { threads: 3, patienceMs: 0 };
const contents = (statistics: Statistics | undefined) =>
  Object.fromEntries([...(statistics?.tensors ?? [])].map(([name, tensor]) => [name, contentOf(tensor)]));
const own = (source: SampleSource, open: SampleSource['open']): SampleSource => ({ ...source, open });

describe('calibration in threads', () => {
  it.each([2, 3, 8])('gives what one thread gives to the bit, with %i', async (threads) => {
    const kept = [new KeptOutputs(), new KeptOutputs()] as const;
    const told: number[] = [];
    const whole = await calibrate(net(), values, sourceOf(feeds), { threads: 1, outputs: kept[0] });
    const spread = await calibrate(net(), values, sourceOf(feeds), {
      ...{ ...threaded, threads, outputs: kept[1] },
      progress: (done) => told.push(done),
    });
    expect(contents(spread)).toEqual(contents(whole));
    expect(whole?.tensors.get('x')?.nonFinite).toBe(4);
    expect(kept[1].allOf(feeds.length)).toEqual(kept[0].allOf(feeds.length));
    expect(kept[1].allOf(feeds.length)).toHaveLength(feeds.length);
    expect(told).toEqual(feeds.map((_, i) => i + 1));
  });

  it('leaves the samples as they were, whatever they are parts of', async () => {
    const all = new Float32Array(6 * 64).map((_, i) => Math.sin(i));
    const parts = Array.from({ length: 6 }, (_, i) => ({
      x: { type: 'float32' as const, dims: [1, 4, 4, 4], data: all.subarray(64 * i, 64 * i + 64) },
    }));
    const before = all.slice();
    await calibrate(net(), values, sourceOf(parts), threaded);
    expect(all).toEqual(before);
  });

  it('runs a model whose constants stand beside it', async () => {
    const g = new Net();
    g.input('x', ['n', 200]);
    const model = finish(g, g.matMul('x', 'm', 200, 200));
    const rows = Array.from({ length: 9 }, (_, i) => randomFeed('x', [1, 200], i));
    const [spread, whole] = [threaded, { threads: 1 }].map((settings) =>
      calibrate(model, ['x', 'm'], sourceOf(rows), settings),
    );
    expect(contents(await spread)).toEqual(contents(await whole));
  });

  it('says what a run fails at, as one thread does', async () => {
    const wrong = feeds.map((feed, i) => (i === 11 ? randomFeed('x', [1, 3, 4, 4], 0) : feed));
    const error = await expectRefusal(
      () => calibrate(net(), values, sourceOf(wrong), threaded),
      'runtime-failed',
      3,
    );
    expect(error.facts.what).toBe('the float model');
  });

  it('begins anew on one thread where another fails', async () => {
    const whole = sourceOf(feeds);
    const broken = sourceOf(feeds.map((feed, i) => (i === 3 ? randomFeed('x', [1, 3, 4, 4], 0) : feed)));
    let opened = 0;
    // The first feed, the pass until it is left, the rest in threads, which get the first of it; then all on one thread.
    const source = own(whole, () => (++opened <= 3 ? broken.open() : whole.open()));
    const outputs = new KeptOutputs();
    const spread = await calibrate(net(), values, source, { ...threaded, outputs });
    expect(opened).toBe(5);
    expect(contents(spread)).toEqual(contents(await calibrate(net(), values, whole, { threads: 1 })));
    expect(outputs.allOf(feeds.length)).toHaveLength(feeds.length);
  });

  it('throws what reading samples throws, and ends its threads', async () => {
    const whole = sourceOf(feeds);
    const source = own(whole, async function* () {
      let read = 0;
      for await (const batch of whole.open()) {
        if (read++ === 9) throw new Error('the disk is gone');
        yield batch;
      }
    });
    await expect(calibrate(net(), values, source, threaded)).rejects.toThrow('the disk is gone');
  });

  it('throws what is thrown where progress is told', async () => {
    const progress = (done: number) => {
      if (done === 9) throw new Error('nobody listens');
    };
    const work = calibrate(net(), values, sourceOf(feeds), { ...threaded, progress });
    await expect(work).rejects.toThrow('nobody listens');
  });

  it('starts none for what is done soon', async () => {
    let opened = 0;
    const whole = sourceOf(feeds);
    const source = own(whole, () => {
      opened++;
      return whole.open();
    });
    await calibrate(net(), values, source, { ...threaded, patienceMs: 1e6 });
    expect(opened).toBe(2);
  });
});
