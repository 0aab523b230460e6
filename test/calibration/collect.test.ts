import { describe, expect, it } from 'vitest';
import { collectStatistics, type Runner } from '../../calibration/collect.js';
import { sourceOf } from '../../calibration/sample-set.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Feed, NdArray } from '../../src/numerics/nd-array.js';
import { contentOf, statisticsOf } from '../support/statistics.js';

const floats = (dims: readonly number[], ...data: number[]): NdArray => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
});

/** Samples 1, 2, … of one element, in batches of a fixed or (undefined) a dynamic size. */
function source(samples: number, size: number | undefined): SampleSource {
  const sample = async (i: number) => ({
    x: { type: 'float32' as const, dims: [1], data: Float32Array.of(i + 1) },
  });
  const set = { label: 'test', length: samples, preprocess: 'none', sample };
  return sourceOf(set, { samples: undefined, seed: 0, batchSize: size ?? 1 });
}

const values = (feed: Feed) => Array.from(feed.x?.data as Float32Array);

/** y holds (x, −x) of each sample; z has no batch axis; i is no float. */
const run: Runner = async (feed) => {
  const x = values(feed);
  return new Map<string, NdArray>([
    ['x', feed.x as NdArray],
    ['y', floats([x.length, 2], ...x.flatMap((value) => [value, -value]))],
    ['z', floats([7], 1, 2, 3, 4, 5, 6, 7)],
    ['i', { type: 'int32', dims: [x.length], data: Int32Array.from(x) }],
  ]);
};

describe('collectStatistics', () => {
  const samples = [1, 2, 3, 4, 5];

  it.each([undefined, 1, 2, 3, 5, 8])('counts each sample once in batches of %s', async (size) => {
    const statistics = await collectStatistics(source(5, size), ['x', 'y'], run);
    expect(contentOf(statistics.get('x'))).toEqual(
      contentOf(statisticsOf(...samples.map((value) => [value]))),
    );
    expect(contentOf(statistics.get('y'))).toEqual(
      contentOf(statisticsOf(...samples.map((value) => [value, -value]))),
    );
  });

  it('takes a tensor without a batch axis whole, once a run', async () => {
    const statistics = await collectStatistics(source(5, 2), ['z'], run);
    const whole = [1, 2, 3, 4, 5, 6, 7];
    expect(contentOf(statistics.get('z'))).toEqual(contentOf(statisticsOf(whole, whole, whole)));
  });

  it('has nothing of a tensor that is absent or no float', async () => {
    const statistics = await collectStatistics(source(2, 1), ['i', 'none'], run);
    expect([...statistics.keys()]).toEqual(['i', 'none']);
    for (const tensor of statistics.values()) expect(contentOf(tensor)).toEqual(contentOf(statisticsOf()));
  });

  it('tells how many samples are done', async () => {
    const told: number[][] = [];
    await collectStatistics(source(5, 2), [], run, { progress: (...progress) => told.push(progress) });
    expect(told).toEqual([
      [2, 5],
      [4, 5],
      [5, 5],
    ]);
  });

  it('passes on what the runner throws', async () => {
    const failing: Runner = () => Promise.reject(new Error('no memory'));
    await expect(collectStatistics(source(1, 1), ['x'], failing)).rejects.toThrow('no memory');
  });
});
