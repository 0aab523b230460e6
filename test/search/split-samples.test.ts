import { expect, it } from 'vitest';
import type { SampleSource } from '../../calibration/source.js';
import { splitForSearch } from '../../src/search/split-samples.js';
import { sourceOf } from '../support/quantize-model.js';

const numbered = (from: number, count: number): SampleSource =>
  sourceOf(
    Array.from({ length: count }, (_, i) => ({
      x: { type: 'float32' as const, dims: [1], data: Float32Array.of(from + i) },
    })),
  );

async function numbersOf(source: SampleSource): Promise<number[]> {
  const found: number[] = [];
  for await (const { feed } of source.open()) found.push(Number(feed.x?.data[0]));
  return found;
}

const calibration = numbered(100, 4);
const evaluation = numbered(0, 5);

it('shares out labelled evaluation samples, each with its label', async () => {
  const labels = [10, 11, 12, 13, 14];
  const { search, final, isApart } = await splitForSearch({
    calibration,
    evaluation,
    kind: 'evaluation',
    labels,
  });
  expect(isApart).toBe(true);
  expect([await numbersOf(search.source), search.labels]).toEqual([
    [1, 3],
    [11, 13],
  ]);
  expect([await numbersOf(final.evaluation), final.labels]).toEqual([
    [0, 2, 4],
    [10, 12, 14],
  ]);
  expect(final.calibration).toBe(calibration);
});

it('leaves evaluation samples without labels to the statement', async () => {
  const samples = { calibration, evaluation, kind: 'evaluation', labels: undefined } as const;
  const { search, final, isApart } = await splitForSearch(samples);
  expect(isApart).toBe(true);
  expect(search.source).toBe(calibration);
  expect(final.evaluation).toBe(evaluation);
});

it('shares out calibration samples where there are no others', async () => {
  const samples = { calibration, evaluation: calibration, kind: 'calibration', labels: undefined } as const;
  const { search, final } = await splitForSearch(samples);
  expect(await numbersOf(search.source)).toEqual([101, 103]);
  expect(await numbersOf(final.evaluation)).toEqual([100, 102]);
});

it('takes at most 2,500 of many for the search', async () => {
  const many = numbered(0, 10_000);
  const labels = Array.from({ length: 10_000 }, (_, i) => i % 7);
  const { search, final } = await splitForSearch({
    calibration,
    evaluation: many,
    kind: 'evaluation',
    labels,
  });
  expect([search.source.length, search.labels?.length]).toEqual([2500, 2500]);
  expect([final.evaluation.length, final.labels?.length]).toEqual([7500, 7500]);
  expect(search.labels?.slice(0, 3)).toEqual([3, 0, 4]);
});

it('says where there are too few to spare some', async () => {
  const one = numbered(0, 1);
  const split = await splitForSearch({
    calibration: one,
    evaluation: one,
    kind: 'calibration',
    labels: undefined,
  });
  expect(split.isApart).toBe(false);
  expect(split.search.source).toBe(split.final.evaluation);
});
