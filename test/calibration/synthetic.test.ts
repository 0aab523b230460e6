import { describe, expect, it } from 'vitest';
import type { InputSpec, SampleSource } from '../../calibration/source.js';
import { type OpenDims, syntheticSource, syntheticSources } from '../../calibration/synthetic.js';
import { halfToNumber } from '../../src/numerics/half.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { codeOf } from '../support/random-data.js';

const input = (type: string, ...shape: NonNullable<InputSpec['shape']>): InputSpec => ({
  name: 'x',
  type,
  shape,
});

async function feedsOf(source: SampleSource): Promise<Feed[]> {
  const feeds: Feed[] = [];
  for await (const { feed } of source.open()) feeds.push(feed);
  return feeds;
}

const numbersOf = async (type: string, count: number): Promise<number[]> => {
  const [feed] = await feedsOf(syntheticSource([input(type, 1, count)], 1, 3));
  return Array.from(feed?.x?.data as ArrayLike<number | bigint>, Number);
};

describe('syntheticSource', () => {
  it('is the same each time and for the same seed, another for another', async () => {
    const inputs = [input('float32', 'n', 3, 4)];
    const source = syntheticSource(inputs, 3, 1);
    const feeds = await feedsOf(source);
    expect(feeds).toHaveLength(3);
    expect(await feedsOf(source)).toEqual(feeds);
    expect(await feedsOf(syntheticSource(inputs, 3, 1))).toEqual(feeds);
    expect(await feedsOf(syntheticSource(inputs, 3, 2))).not.toEqual(feeds);
    expect(feeds[1]).not.toEqual(feeds[0]);
  });

  it('fills every input, the fixed batch in all of them, 16 for a dimension that is open', async () => {
    const inputs = [
      { name: 'image', type: 'float32', shape: ['n', 3, 'h', undefined] },
      { name: 'ids', type: 'int64', shape: [2, 'length'] },
    ];
    const [feed] = await feedsOf(syntheticSource(inputs, 1, 0));
    expect(feed?.image?.dims).toEqual([2, 3, 16, 16]);
    expect(feed?.ids?.dims).toEqual([2, 16]);
    expect(feed?.image?.data).toHaveLength(1536);
    expect(feed?.ids?.data).toBeInstanceOf(BigInt64Array);
  });

  it('takes other guesses at open dimensions, channels apart', async () => {
    const inputs = [input('float32', 'n', 'c', 'h', 'w')];
    const dims = async (open: OpenDims) => (await feedsOf(syntheticSource(inputs, 1, 0, open)))[0]?.x?.dims;
    expect(await dims({ side: 64, channels: { axis: 1, count: 3 } })).toEqual([1, 3, 64, 64]);
    expect(await dims({ side: 64, channels: { axis: -1, count: 1 } })).toEqual([1, 64, 64, 1]);
  });

  it('tries one shape where none is open, and others that are no larger than a large picture', async () => {
    expect(syntheticSources([input('float32', 'n', 3, 8, 8)], 1, 0)).toHaveLength(1);
    const tried = syntheticSources([input('float32', 'n', 'c', 'h', 'w')], 1, 0);
    const shapes: unknown[] = [];
    for (const source of tried) shapes.push((await feedsOf(source))[0]?.x?.dims);
    expect(shapes).toContainEqual([1, 3, 512, 512]);
    expect(shapes).toContainEqual([1, 224, 224, 3]);
    expect(shapes).not.toContainEqual([1, 224, 224, 224]);
  });

  it.each(['float32', 'float64', 'float16'])('is standard normal in %s', async (type) => {
    const stored = await numbersOf(type, 20_000);
    const values = type === 'float16' ? stored.map(halfToNumber) : stored;
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    // Five standard deviations: 1/√n for the mean, √(2/n) for the variance.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / 20_000));
    // Of a normal distribution 68.3 % are within one deviation, of a uniform one of that variance 57.7 %.
    const within = values.filter((x) => Math.abs(x) < 1).length / values.length;
    expect(within).toBeCloseTo(0.683, 1.5);
  });

  it.each(['int8', 'uint8', 'int32', 'int64', 'bool'])('is 0 or 1 in %s', async (type) => {
    const values = await numbersOf(type, 1000);
    const ones = values.filter((x) => x === 1).length;
    expect(values.filter((x) => x === 0)).toHaveLength(1000 - ones);
    expect(Math.abs(ones - 500)).toBeLessThan(80);
  });

  it('makes up no input of gigabytes', async () => {
    const input = (side: number) => [{ name: 'x', type: 'float32', shape: ['n', side, side] }];
    expect(await codeOf(() => syntheticSources(input(2 ** 20), 1, 0))).toBe('synthetic-large');
    expect(syntheticSources(input(2 ** 4), 1, 0)).toHaveLength(1);
  });
});
