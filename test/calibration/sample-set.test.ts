import { describe, expect, it } from 'vitest';
import {
  batchSizeOf,
  concatenateSets,
  type SampleSet,
  sourceOf,
  zipSets,
} from '../../calibration/sample-set.js';
import type { Batch, InputSpec } from '../../calibration/source.js';
import { codeOf } from '../support/random-data.js';

const input = (...shape: NonNullable<InputSpec['shape']>): InputSpec => ({
  name: 'x',
  type: 'float32',
  shape,
});

/** Samples of two elements: sample i is [i, 10i]. */
const pairs = (length: number, input = 'x', first = 0): SampleSet => ({
  label: `${input}.npy`,
  length,
  preprocess: 'as stored',
  sample: (i) => ({ [input]: { type: 'float32', dims: [2], data: Float32Array.of(first + i, 10 * i) } }),
});

async function allOf(set: SampleSet, batchSize: number, samples?: number): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of sourceOf(set, { batchSize, samples, seed: 0 }).open()) all.push(batch);
  return all;
}

const batches = (spec: InputSpec, samples: number) => allOf(pairs(samples), batchSizeOf([spec]));

/** Which samples stand in a batch. */
const held = (batch: Batch) =>
  Array.from((batch.feed.x?.data ?? []) as Float32Array).filter((_, i) => i % 2 === 0);

describe('sourceOf', () => {
  it('runs one sample at a time where the batch is dynamic', async () => {
    const all = await batches(input('n', 2), 3);
    expect(all.map(held)).toEqual([[0], [1], [2]]);
    expect(all.map((batch) => batch.samples)).toEqual([1, 1, 1]);
    expect(all[2]?.feed.x).toEqual({ type: 'float32', dims: [1, 2], data: Float32Array.of(2, 20) });
  });

  it('fills the last run of a fixed batch up with the first samples, uncounted', async () => {
    const all = await batches(input(8, 2), 21);
    expect(all.map(held)).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [8, 9, 10, 11, 12, 13, 14, 15],
      [16, 17, 18, 19, 20, 0, 1, 2],
    ]);
    expect(all.map((batch) => batch.samples)).toEqual([8, 8, 5]);
    expect(all[2]?.feed.x?.dims).toEqual([8, 2]);
    expect(all[2]?.feed.x?.data[9]).toBe(200);
  });

  it('repeats fewer samples than a batch holds', async () => {
    const all = await batches(input(5, 2), 2);
    expect(all.map(held)).toEqual([[0, 1, 0, 1, 0]]);
    expect(all.map((batch) => batch.samples)).toEqual([2]);
  });

  it('counts every sample once, whatever the sizes', async () => {
    for (let size = 1; size <= 6; size++) {
      for (let samples = 1; samples <= 13; samples++) {
        const all = await batches(input(size, 2), samples);
        const counted = all.flatMap((batch) => held(batch).slice(0, batch.samples));
        expect(counted).toEqual(Array.from({ length: samples }, (_, i) => i));
      }
    }
  });
});

describe('batchSizeOf', () => {
  it('is the fixed one where other inputs are dynamic, or of unknown rank', () => {
    const unknown: InputSpec = { name: 'y', type: 'float32', shape: undefined };
    expect(batchSizeOf([input('n', 2), input(4, 2), unknown])).toBe(4);
  });

  it.each([
    [[4, 3], 4],
    [['n', 3], 1],
    [[undefined, 3], 1],
    [[0, 3], 1],
    [[], 1],
  ])('of %j is %i', (shape, size) => {
    expect(batchSizeOf([input(...shape)])).toBe(size);
  });
});

/** The first elements of each run's samples, input by input. */
const firsts = (batch: Batch) =>
  Object.fromEntries(
    Object.entries(batch.feed).map(([name, { data }]) => [
      name,
      Array.from(data as Float32Array).filter((_, i) => i % 2 === 0),
    ]),
  );

describe('several sets', () => {
  it('of different inputs go side by side, also where samples are chosen', async () => {
    const both = zipSets([pairs(9, 'a'), pairs(9, 'b', 100)]);
    for (const batch of await allOf(both, 1, 4)) {
      const { a, b } = firsts(batch);
      expect(b).toEqual(a?.map((value) => value + 100));
    }
  });

  it('of one input follow one another, and stay in step with the others in batches', async () => {
    const a = concatenateSets([pairs(3, 'a'), pairs(2, 'a', 3)]);
    expect(a.length).toBe(5);
    const rows = (await allOf(zipSets([a, pairs(5, 'b')]), 2)).map((batch) => ({
      ...firsts(batch),
      n: batch.samples,
    }));
    expect(rows).toEqual([
      { a: [0, 1], b: [0, 1], n: 2 },
      { a: [2, 3], b: [2, 3], n: 2 },
      { a: [4, 0], b: [4, 0], n: 1 },
    ]);
  });

  it('of all files together give the number of samples asked for', async () => {
    expect(await allOf(concatenateSets([pairs(10), pairs(10)]), 1, 5)).toHaveLength(5);
  });

  it('of different lengths are refused before any is chosen', async () => {
    expect(await codeOf(async () => zipSets([pairs(3, 'a'), pairs(2, 'b')]))).toBe('data-lengths');
  });
});

describe('shards', () => {
  const shardOf = async (index: number, count: number, batchSize: number, samples: number) => {
    const options = { batchSize, samples: undefined, seed: 0, shard: { index, count } };
    const source = sourceOf(pairs(samples), options);
    const all: Batch[] = [];
    for await (const batch of source.open()) all.push(batch);
    return { source, all };
  };

  it('have the runs of the whole between them, each as it is there', async () => {
    for (const [batchSize, samples] of [
      [1, 7],
      [4, 21],
      [4, 3],
    ] as const) {
      const whole = await allOf(pairs(samples), batchSize);
      for (let count = 1; count <= whole.length; count++) {
        const found: Batch[] = [];
        for (let index = 1; index <= count; index++) {
          const { source, all } = await shardOf(index, count, batchSize, samples);
          expect(source.part?.first).toBe(found.reduce((sum, batch) => sum + batch.samples, 0));
          expect(source.length).toBe(all.reduce((sum, batch) => sum + batch.samples, 0));
          expect(all.length).toBeGreaterThan(0);
          found.push(...all);
        }
        expect(found).toEqual(whole);
      }
    }
  });

  it('know what they are shards of', async () => {
    const [a, b, other] = await Promise.all([shardOf(1, 2, 1, 6), shardOf(2, 2, 1, 6), shardOf(2, 2, 1, 7)]);
    expect(b.source.part).toEqual({ ...a.source.part, shard: { index: 2, count: 2 }, first: 3 });
    expect(other.source.part?.choice).not.toBe(a.source.part?.choice);
  });

  it('refuses more shards than runs', async () => {
    expect(await codeOf(() => shardOf(1, 4, 2, 6))).toBe('bad-option');
    expect((await shardOf(3, 3, 2, 6)).source.length).toBe(2);
  });
});
