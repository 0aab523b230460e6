import { describe, expect, it } from 'vitest';
import { mergeStatistics } from '../../calibration/merge-statistics.js';
import { sourceOf } from '../../calibration/sample-set.js';
import { type Statistics, TensorStatistics } from '../../calibration/statistics.js';
import {
  parseStatistics,
  type StatisticsFile,
  serializeStatistics,
} from '../../calibration/statistics-file.js';
import { anyFloat, anyInteger, forSeeds, shuffled } from '../support/random-data.js';
import { expectRefusal } from '../support/refusal.js';
import { provenance, statisticsOf } from '../support/statistics.js';

const fileOf = (name: string, statistics: Statistics) =>
  parseStatistics(name, serializeStatistics(statistics));

/** The statistics file of some samples, the values themselves being the tensor. */
async function calibrated(
  samples: readonly number[][],
  shard?: { index: number; count: number },
  changes: Partial<Statistics> = {},
): Promise<StatisticsFile> {
  const set = {
    label: 'x.npy',
    length: samples.length,
    preprocess: 'none',
    sample: async (i: number) => ({
      x: { type: 'float32' as const, dims: [2], data: Float32Array.from(samples[i] ?? []) },
    }),
  };
  const source = sourceOf(set, { samples: undefined, seed: 0, batchSize: 1, shard });
  const seen: ArrayLike<number>[] = [];
  for await (const { feed } of source.open()) seen.push(feed.x?.data as Float32Array);
  const tensors = new Map([
    ['x', statisticsOf(...seen)],
    ['negated', statisticsOf(...seen.map((values) => Array.from(values, (value) => -value)))],
  ]);
  const part = source.part as Statistics['part'];
  return fileOf(`${part.shard.index}.json`, {
    ...provenance({ samples: source.length, part, ...changes }),
    tensors,
    ...(changes.tensors && { tensors: changes.tensors }),
  });
}

const numbers = (length: number) => Array.from({ length }, (_, i) => [i, -i / 3]);
const shardsOf = (count: number, samples = numbers(7)) =>
  Promise.all(Array.from({ length: count }, (_, i) => calibrated(samples, { index: i + 1, count })));

describe('mergeStatistics', () => {
  it('has a file for ranges of several samples, and refuses it among shards', async () => {
    const ranges = Array.from({ length: 65538 }, (_, i) => ({ min: -i, max: 1 }));
    const blocks = new TensorStatistics(undefined, ranges);
    const shard = { index: 1, count: 2 };
    const part = { ...provenance().part, shard, first: 0, total: 65540 };
    const text = serializeStatistics({
      ...provenance({ samples: 65538, part }),
      tensors: new Map([['x', blocks]]),
    });
    expect(text).toContain('"schemaVersion":3');
    const file = parseStatistics('1.json', text);
    const read = file.readStatistics().tensors.get('x');
    expect([read?.samplesPerRange, read?.samples]).toEqual([2, blocks.samples]);
    const second = { ...file, path: '2.json', isEachRange: true };
    const rest = { samples: 2, part: { ...part, shard: { index: 2, count: 2 }, first: 65538 } };
    const other = { ...second, header: { ...file.header, ...rest } };
    const error = await expectRefusal(() => mergeStatistics([file, other]), 'statistics-shards', 2);
    expect(error.message).toContain('1.json has more than 65536 samples');
  });

  it('gives the file of the whole run from any split, the shards in any order', async () => {
    const splits: Promise<void>[] = [];
    forSeeds(20, (random) => {
      const samples = Array.from({ length: anyInteger(random, 1, 40) }, () =>
        Array.from({ length: 2 }, () => anyFloat(random)),
      );
      const split = async () => {
        const shards = await shardsOf(anyInteger(random, 1, samples.length), samples);
        const merged = serializeStatistics(mergeStatistics(shuffled(shards, random)));
        expect(merged).toBe(serializeStatistics((await calibrated(samples)).readStatistics()));
      };
      splits.push(split());
    });
    await Promise.all(splits);
  });

  it('keeps the ranges of the samples in their order', async () => {
    const [a, b, c] = await shardsOf(
      3,
      [[1], [2], [3], [4]].map((x) => [...x, 0]),
    );
    const merged = mergeStatistics([c, a, b] as StatisticsFile[]);
    expect(merged.tensors.get('x')?.samples.map(({ max }) => max)).toEqual([1, 2, 3, 4]);
    expect(merged.samples).toBe(4);
  });

  it('refuses a shard that is missing, and names it', async () => {
    const [first, , third] = (await shardsOf(4)) as [StatisticsFile, StatisticsFile, StatisticsFile];
    const error = await expectRefusal(() => mergeStatistics([third, first]), 'statistics-shards', 2);
    expect(error.message).toContain('shards 2/4, 4/4 are missing');
  });

  it('refuses a shard that is given twice, and names the files', async () => {
    const [first, second] = (await shardsOf(2)) as [StatisticsFile, StatisticsFile];
    const error = await expectRefusal(
      () => mergeStatistics([first, second, { ...second, path: 'copy.json' }]),
      'statistics-shards',
      2,
    );
    expect(error.message).toContain('2.json and copy.json are both shard 2 of 2');
  });

  it.each([
    ['a gap', 4, 3],
    ['an overlap', 2, 5],
  ])('refuses %s between shards', async (_, first, samples) => {
    const [one, two] = (await shardsOf(2)) as [StatisticsFile, StatisticsFile];
    const header = { ...two.header, samples, part: { ...two.header.part, first } };
    const error = await expectRefusal(
      () => mergeStatistics([one, { ...two, header }]),
      'statistics-shards',
      2,
    );
    expect(error.message).toContain(`begins at sample ${first + 1}, not at 4`);
  });

  it('refuses shards that end before the samples do', async () => {
    const [one, two] = (await shardsOf(2)) as [StatisticsFile, StatisticsFile];
    const short = { ...two, header: { ...two.header, samples: 3 } };
    const error = await expectRefusal(() => mergeStatistics([one, short]), 'statistics-shards', 2);
    expect(error.message).toContain('6 of 7 samples');
  });

  it.each([
    ['model', { modelHash: 'b'.repeat(64) }],
    ['data: digits.npy and other.npy', { data: 'other.npy' }],
    ['preprocessing: --scale 1/16 and none', { preprocess: 'none' }],
    ['provider: cpu and cuda', { provider: 'cuda' }],
    ['tensors', { tensors: new Map([['y', statisticsOf([1, 2])]]) }],
  ])('refuses shards that differ in %s', async (what, changes) => {
    const first = await calibrated(numbers(7), { index: 1, count: 2 });
    const second = await calibrated(numbers(7), { index: 2, count: 2 }, changes);
    const error = await expectRefusal(() => mergeStatistics([first, second]), 'statistics-differ', 2);
    expect(error.message).toContain(`2.json and 1.json are not of one calibration: they differ in ${what}.`);
  });

  it('refuses shards of other samples, and of another number of shards', async () => {
    const first = await calibrated(numbers(7), { index: 1, count: 2 });
    const others = [
      ['choice of samples', await calibrated(numbers(8), { index: 2, count: 2 })],
      ['number of shards: 2 and 3', await calibrated(numbers(7), { index: 2, count: 3 })],
    ] as const;
    for (const [what, other] of others) {
      const error = await expectRefusal(() => mergeStatistics([first, other]), 'statistics-differ', 2);
      expect(error.message).toContain(what);
    }
  });
});
