import { expect, it } from 'vitest';
import { valueSizes } from '../../src/calibrate/value-sizes.js';
import { exposing } from '../../src/graph/expose.js';
import type { Model } from '../../src/graph/model.js';
import { encodeApart } from '../../src/proto/encode-apart.js';
import { withSession } from '../../src/runtime/session.js';
import { randomFeed } from '../support/graph-builder.js';
import { Net } from '../support/nets.js';

/** A convolution, and what depends on values: the positive elements of it. */
function net(): Model {
  const g = new Net();
  g.input('x', ['n', 4, 'height', 'width']);
  g.conv('x', 'a');
  g.node('NonZero', [g.node('Relu', ['a'], 'r')], 'places');
  g.node('Cast', ['places'], 'cast', { to: 1 });
  g.output('a');
  return g.build();
}

it('gives the bytes of each value in a run, also where only a run tells', async () => {
  const model = net();
  const values = ['a', 'r', 'cast'];
  const feed = randomFeed('x', [2, 4, 6, 5], 1);
  const settings = { mode: 'basic', threads: 2 } as const;
  await withSession(encodeApart(exposing(model, values)), settings, async (session) => {
    const sizes = await valueSizes(model, session, { feed, values, settings });
    const run = await session.run(feed, values);
    const bytes = values.map((value) => [value, run.get(value)?.data.byteLength]);
    expect([...sizes]).toEqual(bytes);
    expect(sizes.get('a')).toBe(4 * 2 * 4 * 6 * 5);
  });
});
