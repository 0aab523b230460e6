import { join } from 'node:path';
import { expect, test } from 'vitest';
import { record, recordRuns } from '../../src/evaluate/recording.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { twoLayers } from '../support/external-model.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { sourceOf } from '../support/quantize-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const feeds = [1, 2, 3].map((seed) => randomFeed('x', [1, 4], seed));
const settings = { mode: 'basic', threads: 1 } as const;

test('a recording gives what the session gave, in the same order', async () => {
  const file = join(temporaryFolder(), 'recording');
  const { live, recorded } = await withSession(encodeModel(twoLayers()), settings, async (session) => ({
    recorded: await record(session, sourceOf(feeds), file),
    live: await Promise.all(feeds.map((feed) => session.run(feed))),
  }));
  expect(recorded.outputNames).toEqual(['y']);
  for (const [i, feed] of feeds.entries()) expect(await recorded.run(feed)).toEqual(live[i]);
  await expect(recorded.run({})).rejects.toThrow('more batches');
});

test('a recording can be replayed from its beginning, as often as it is wanted', async () => {
  const file = join(temporaryFolder(), 'recording');
  await withSession(encodeModel(twoLayers()), settings, async (session) => {
    const recording = await recordRuns(session, sourceOf(feeds), file);
    const [first, second] = [recording.replay(), recording.replay()];
    for (const feed of feeds) {
      const live = await session.run(feed);
      expect([await first.run(feed), await second.run(feed)]).toEqual([live, live]);
    }
    await expect(first.run({})).rejects.toThrow('more batches');
  });
});

test('elements of every size, none of them included', async () => {
  const g = new GraphBuilder();
  g.input('x', [1, 4]);
  // A boolean of 4 bytes and indices of 8: the second output does not begin at a multiple of its size in general.
  g.node('Greater', ['x', g.constant('zero', [1], [0.5])], 'b');
  g.node('NonZero', ['b'], 'i');
  g.output('b', [1, 4]);
  g.output('i', [2, 0]);
  const model = g.build();
  model.graph.outputs = ['b', 'i'].map((name) => ({ name, dataType: undefined, shape: undefined }));
  const file = join(temporaryFolder(), 'recording');
  await withSession(encodeModel(model), settings, async (session) => {
    const recorded = await record(session, sourceOf(feeds), file, 2);
    for (const feed of feeds.slice(0, 2)) expect(await recorded.run(feed)).toEqual(await session.run(feed));
    await expect(recorded.run({})).rejects.toThrow('more batches');
  });
});

test('how many are enough can follow from what the first batch gives', async () => {
  const file = join(temporaryFolder(), 'recording');
  const told: unknown[] = [];
  await withSession(encodeModel(twoLayers()), settings, async (session) => {
    const recorded = await record(session, sourceOf(feeds), file, (outputs, size) => {
      told.push(outputs.get('y'), size);
      return 2;
    });
    for (const feed of feeds.slice(0, 2)) expect(await recorded.run(feed)).toEqual(await session.run(feed));
    await expect(recorded.run({})).rejects.toThrow('more batches');
    expect(told).toEqual([(await session.run(feeds[0] ?? {})).get('y'), 1]);
  });
});
