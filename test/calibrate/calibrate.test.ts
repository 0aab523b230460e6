import { describe, expect, it } from 'vitest';
import type { Statistics } from '../../calibration/statistics.js';
import { calibrate, observeInPasses } from '../../src/calibrate/calibrate.js';
import { exposing } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import type { MemoryEstimate } from '../../src/options.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { sourceOf } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';
import { contentOf, statisticsOf } from '../support/statistics.js';

/** Three convolutions and a shortcut. */
function net(): Model {
  const g = new Net();
  g.input('x', ['n', 4, 'height', 'width']);
  const first = g.node('Relu', [g.conv('x', 'a')], 'r');
  const second = g.node('Relu', [g.conv(first, 'b')], 's');
  return finish(g, g.conv(g.node('Add', [first, second], 't'), 'y'));
}

const values = ['x', 'a', 'r', 'b', 's', 't'];
const feeds: readonly Feed[] = [0, 1, 2].map((seed) => randomFeed('x', [1, 4, 8 + seed, 9], seed));
const contents = (tensors: Statistics['tensors'] | undefined) =>
  Object.fromEntries([...(tensors ?? [])].map(([name, tensor]) => [name, contentOf(tensor)]));

describe('calibrate', () => {
  it('keeps what the values of the float model hold', async () => {
    const model = net();
    const statistics = await calibrate(model, ['x', 't'], sourceOf(feeds));
    const runs = [];
    for (const feed of feeds) runs.push(await runIn('basic', exposing(model, ['t']), feed));
    const t = runs.map((run) => run.get('t')?.data as Float32Array);
    expect(contents(statistics?.tensors)).toEqual({
      x: contentOf(statisticsOf(...feeds.map((feed) => feed.x?.data as Float32Array))),
      t: contentOf(statisticsOf(...t)),
    });
  });

  it('tells its passes and memory before the first run', async () => {
    const told: (MemoryEstimate | string)[] = [];
    await calibrate(net(), values, sourceOf(feeds), {
      onEstimate: (estimate) => told.push(estimate),
      progress: () => told.push('run'),
    });
    expect(told).toEqual([{ passes: 1, estimateBytes: expect.any(Number) }, 'run', 'run', 'run']);
    expect((told[0] as MemoryEstimate).estimateBytes).toBeGreaterThan(2 ** 26);
  });

  it('refuses a limit that the process is above already', async () => {
    const work = () => calibrate(net(), values, sourceOf(feeds), { maxMemoryBytes: 2 ** 20 });
    await expectRefusal(work, 'memory-limit', 2);
  });
});

describe('observeInPasses', () => {
  it.each([
    [
      [
        ['x', 'a', 'r'],
        ['b', 's', 't'],
      ],
    ],
    [[['t', 'x'], ['a'], ['b', 'r'], ['s']]],
    [values.map((value) => [value])],
  ])('gives the same to the last count in the passes %j', async (passes) => {
    const whole = await calibrate(net(), values, sourceOf(feeds));
    const parts = await observeInPasses(net(), passes, sourceOf(feeds));
    expect(contents(parts)).toEqual(contents(whole?.tensors));
  });

  it('counts progress over all passes', async () => {
    const told: number[][] = [];
    await observeInPasses(net(), [['a'], ['b']], sourceOf(feeds), {
      progress: (...progress) => told.push(progress),
    });
    expect(told).toEqual([1, 2, 3, 4, 5, 6].map((done) => [done, 6]));
  });
});
