import { expect, it } from 'vitest';
import { concatenateSources, zipSources } from '../../calibration/join.js';
import type { SampleSource } from '../../calibration/source.js';
import { codeOf } from '../support/random-data.js';

/** Samples `first`, `first` + 1, … of an input. */
const source = (input: string, length: number, first = 0): SampleSource => ({
  label: `${input}.npy`,
  length,
  preprocess: 'as stored',
  async *open() {
    for (let i = 0; i < length; i++) {
      yield {
        feed: { [input]: { type: 'float32', dims: [1], data: Float32Array.of(first + i) } },
        samples: 1,
      };
    }
  },
});

async function valuesOf(joined: SampleSource): Promise<Record<string, number | undefined>[]> {
  const rows = [];
  for await (const { feed } of joined.open()) {
    rows.push(Object.fromEntries(Object.entries(feed).map(([name, { data }]) => [name, Number(data[0])])));
  }
  return rows;
}

it('reads inputs side by side, as often as asked', async () => {
  const joined = zipSources([source('a', 3), source('b', 3, 10)]);
  const expected = [
    { a: 0, b: 10 },
    { a: 1, b: 11 },
    { a: 2, b: 12 },
  ];
  expect(await valuesOf(joined)).toEqual(expected);
  expect(await valuesOf(joined)).toEqual(expected);
  expect(joined.length).toBe(3);
});

it('reads sources of one input one after the other', async () => {
  const joined = concatenateSources([source('a', 2), source('a', 1, 10)]);
  expect(await valuesOf(joined)).toEqual([{ a: 0 }, { a: 1 }, { a: 10 }]);
  expect(joined.length).toBe(3);
});

it('refuses inputs of different lengths', async () => {
  expect(await codeOf(async () => zipSources([source('a', 3), source('b', 2)]))).toBe('data-lengths');
});
