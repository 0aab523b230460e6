import { expect, it } from 'vitest';
import { asBefore, measureSpeed } from '../../src/evaluate/measure-speed.js';
import { encodeModel } from '../../src/proto/encode.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';

/** `layers` Convs on an image of 64 × 64. */
function convs(layers: number): Uint8Array {
  const net = new Net();
  net.input('c0', [1, 4, 64, 64]);
  for (let i = 1; i <= layers; i++) net.conv(`c${i - 1}`, `c${i}`);
  return encodeModel(finish(net, `c${layers}`));
}

it('times both models in turn: the one with twenty times the work takes longer', async () => {
  const feed = randomFeed('c0', [1, 4, 64, 64], 1);
  const speed = await measureSpeed({ float: convs(20), quantized: convs(1) }, feed);
  expect(speed.floatMs).toBeGreaterThan(speed.quantizedMs);
  expect(speed.quantizedMs).toBeGreaterThan(0);
  // Far from 20 on a busy machine, but never near 1.
  expect(speed.ratio).toBeGreaterThan(3);
  expect(speed.runs).toBeGreaterThanOrEqual(15);
  expect(speed.threads).toBe(1);
  expect((await measureSpeed({ float: convs(1), quantized: convs(1) }, feed, { threads: 2 })).threads).toBe(
    2,
  );
});

it('judges against the folded model, and tells what the original takes', async () => {
  const feed = randomFeed('c0', [1, 4, 64, 64], 1);
  const speed = await measureSpeed({ float: convs(1), quantized: convs(1), original: convs(20) }, feed);
  expect(speed.originalMs).toBeGreaterThan(3 * speed.floatMs);
  expect(speed.ratio).toBe(speed.floatMs / speed.quantizedMs);
});

it('tells a time as it was: where another takes twice as long as before, half of it', () => {
  expect(asBefore(10, 4, 2)).toBe(5);
});
