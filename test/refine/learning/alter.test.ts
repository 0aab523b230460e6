import { describe, expect, it } from 'vitest';
import type { Feed } from '../../../src/numerics/nd-array.js';
import { withCopies } from '../../../src/refine/learning/alter.js';
import { sourceOf } from '../../support/quantize-model.js';

/** An 8×8 image of one channel whose elements tell where they were: 10·row + column. */
const image = (dims = [1, 1, 8, 8]): Feed => {
  const data = Float32Array.from({ length: 64 }, (_, at) => 10 * Math.floor(at / 8) + (at % 8));
  return { x: { type: 'float32', dims, data } };
};

async function copiesOf(feeds: readonly Feed[], copies: number, seed = 1, mixes = false) {
  const { source, labels } = await withCopies(
    { source: sourceOf(feeds), labels: feeds.map((_, i) => i) },
    { copies, seed, mixes },
  );
  const found: Feed[] = [];
  for await (const { feed } of source.open()) found.push(feed);
  return { found, labels, length: source.length };
}

const elements = ({ x }: Feed) => Array.from(x?.data as Float32Array);

describe('altered copies', () => {
  it('stand behind all samples, in their order, each with the label of its own', async () => {
    const { found, labels, length } = await copiesOf([image(), image()], 2);
    expect([found.length, length]).toEqual([6, 6]);
    expect(labels).toEqual([0, 1, 0, 1, 0, 1]);
    expect(elements(found[1] as Feed)).toEqual(elements(image()));
  });

  it('are the image mirrored or not, shifted by at most a place of eight, edges continued', async () => {
    const { found } = await copiesOf([image()], 40);
    const kinds = new Set<string>();
    for (const copy of found.slice(1)) {
      const data = elements(copy);
      const [row, column] = [Math.floor((data[27] ?? 0) / 10), (data[27] ?? 0) % 10];
      const isMirrored = (data[28] ?? 0) < (data[27] ?? 0);
      const [down, right] = [3 - row, 3 - (isMirrored ? 7 - column : column)];
      kinds.add(`${down} ${right} ${isMirrored}`);
      const within = (at: number) => Math.min(Math.max(at, 0), 7);
      const wanted = Array.from({ length: 64 }, (_, at) => {
        const x = within((at % 8) - right);
        return 10 * within(Math.floor(at / 8) - down) + (isMirrored ? 7 - x : x);
      });
      expect(data).toEqual(wanted);
    }
    expect(kinds.size).toBeGreaterThan(10);
    for (const kind of kinds) expect(kind).toMatch(/^-?[01] -?[01] (true|false)$/);
  });

  it('are the same for channels last', async () => {
    const [first, last] = [await copiesOf([image()], 3), await copiesOf([image([1, 8, 8, 1])], 3)];
    expect(last.found.map(elements)).toEqual(first.found.map(elements));
  });

  it('are the same by the same seed, and others by another', async () => {
    const of = async (seed: number) => (await copiesOf([image()], 4, seed)).found.map(elements);
    expect(await of(7)).toEqual(await of(7));
    expect(await of(7)).not.toEqual(await of(8));
  });

  it('are mixed with images before them, every other one, by a share that is even in [0, 1)', async () => {
    // Of one grey each, so that neither a shift nor a mirror shows.
    const grey = (value: number): Feed => ({
      x: { type: 'float32', dims: [1, 1, 8, 8], data: new Float32Array(64).fill(value) },
    });
    const { found } = await copiesOf([grey(0), grey(1)], 400, 1, true);
    const values = found.slice(2).map((feed) => {
      const all = elements(feed);
      expect(new Set(all).size).toBe(1);
      return all[0] as number;
    });
    const mixtures = values.filter((value) => value !== 0 && value !== 1);
    // A half is mixed, and half of those with an image of the other grey: 200 of 800, give or take four deviations of 12.
    expect(Math.abs(mixtures.length - 200)).toBeLessThan(49);
    const mean = mixtures.reduce((sum, value) => sum + value, 0) / mixtures.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / mixtures.length));
    expect([Math.min(...mixtures) < 0.1, Math.max(...mixtures) > 0.9]).toEqual([true, true]);
    // The same samples, settings and seed give the same mixtures, each time they are read.
    const again = await copiesOf([grey(0), grey(1)], 400, 1, true);
    expect(again.found.map(elements)).toEqual(found.map(elements));
  });

  it('are mixed as whole samples: what is no image is that of the sample itself', async () => {
    const feed = (value: number): Feed => ({
      x: { type: 'float32', dims: [1, 1, 8, 8], data: new Float32Array(64).fill(value) },
      y: { type: 'float32', dims: [1, 2], data: Float32Array.of(value, value) },
    });
    const { found } = await copiesOf([feed(0), feed(1)], 20, 1, true);
    found.forEach(({ y }, at) => {
      expect(Array.from(y?.data as Float32Array)).toEqual([at % 2, at % 2]);
    });
    expect(found.some(({ x }) => (x?.data[0] as number) % 1 !== 0)).toBe(true);
  });

  it('are none of what is no image', async () => {
    const feed: Feed = { x: { type: 'float32', dims: [1, 64], data: new Float32Array(64) } };
    const { found, labels, length } = await copiesOf([feed], 3);
    expect([found.length, labels, length]).toEqual([1, [0], 1]);
  });
});
