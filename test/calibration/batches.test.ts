import { describe, expect, it } from 'vitest';
import { batchesOf, batchSizeOf } from '../../calibration/batches.js';
import type { Batch, InputSpec } from '../../calibration/source.js';

const input = (...shape: NonNullable<InputSpec['shape']>): InputSpec => ({
  name: 'x',
  type: 'float32',
  shape,
});

/** Samples of two elements: sample i is [i, 10i]. */
async function batches(spec: InputSpec, samples: number): Promise<Batch[]> {
  const all: Batch[] = [];
  const sample = (i: number) => ({ type: 'float32' as const, dims: [2], data: Float32Array.of(i, 10 * i) });
  for await (const batch of batchesOf('x', batchSizeOf([spec]), samples, sample)) all.push(batch);
  return all;
}

/** Which samples stand in a batch. */
const held = (batch: Batch) =>
  Array.from((batch.feed.x?.data ?? []) as Float32Array).filter((_, i) => i % 2 === 0);

describe('batchesOf', () => {
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
