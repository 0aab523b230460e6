import { describe, expect, it } from 'vitest';
import { TensorStatistics } from '../../calibration/statistics.js';
import { anyFloat, anyInteger, forSeeds, shuffled } from '../support/random-data.js';
import { contentOf, filledBins, statisticsOf } from '../support/statistics.js';

describe('TensorStatistics', () => {
  // IEEE 754 binary32 by hand; a bin is the upper 16 bits.
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3f80],
    [1 + 2 ** -8, 0x3f80],
    [1 + 2 ** -7, 0x3f81],
    [-1, 0xbf80],
    [1.5, 0x3fc0],
    [-2.25, 0xc010],
    // 0x40490fdb
    [Math.fround(Math.PI), 0x4049],
    // The smallest subnormal is 0x00000001; 0x00010000 is 2^16 of them.
    [2 ** -149, 0x0000],
    [2 ** -133, 0x0001],
    [-(2 ** -133), 0x8001],
    [2 ** -126, 0x0080],
    // The largest float32, 0x7f7fffff.
    [(2 - 2 ** -23) * 2 ** 127, 0x7f7f],
  ])('counts %d in bin 0x%s', (value, bin) => {
    expect(filledBins(statisticsOf([value]))).toEqual({ [bin]: 1 });
  });

  it('counts values that are not finite apart from bins and ranges', () => {
    const statistics = statisticsOf(
      [1, Number.NaN, 2, Number.POSITIVE_INFINITY],
      [Number.NEGATIVE_INFINITY, -3],
      [4],
    );
    expect(filledBins(statistics)).toEqual({ 16256: 1, 16384: 1, 49216: 1, 16512: 1 });
    expect(statistics.nonFinite).toBe(3);
    expect(statistics.samples).toEqual([
      { min: 1, max: 2 },
      { min: -3, max: -3 },
      { min: 4, max: 4 },
    ]);
    expect([statistics.min, statistics.max]).toEqual([-3, 4]);
  });

  it('clips what lies beyond two ends, sample by sample', () => {
    const whole = statisticsOf([-130, -6, 2], [-1, 40], [0.5]);
    const clipped = whole.within(-6, 31);
    expect(filledBins(clipped)).toEqual(filledBins(statisticsOf([-6, -6, 2], [-1, 31], [0.5])));
    expect(clipped.samples).toEqual([
      { min: -6, max: 2 },
      { min: -1, max: 31 },
      { min: 0.5, max: 0.5 },
    ]);
    expect([clipped.min, clipped.max]).toEqual([-6, 31]);
    expect([whole.min, whole.max]).toEqual([-130, 40]);
  });

  it('has an empty range where nothing is finite', () => {
    const statistics = statisticsOf([Number.NaN], []);
    expect([statistics.min, statistics.max]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(statistics.distribution().bins).toEqual([]);
  });

  it('keeps no negative zero in its ranges', () => {
    const { samples } = statisticsOf([-0, -1], [-0]);
    expect(samples.flatMap(({ min, max }) => [min, max]).some((end) => Object.is(end, -0))).toBe(false);
  });

  it('merges the parts of any split to exactly the whole', () => {
    forSeeds(20, (random) => {
      const samples = Array.from({ length: anyInteger(random, 2, 9) }, () =>
        Array.from({ length: anyInteger(random, 0, 400) }, () => anyFloat(random)),
      );
      const cut = anyInteger(random, 0, samples.length);
      const merged = statisticsOf(...samples.slice(0, cut));
      merged.absorb(statisticsOf(...samples.slice(cut)));
      const whole = statisticsOf(...samples);
      expect(contentOf(merged)).toEqual(contentOf(whole));
      expect(whole.nonFinite).toBe(samples.flat().filter((x) => !Number.isFinite(x)).length);
    });
  });

  it('leaves what is added as it was', () => {
    const [left, right] = [statisticsOf([1]), statisticsOf([2])];
    left.absorb(right);
    expect([filledBins(left), filledBins(right)]).toEqual([{ 16256: 1, 16384: 1 }, { 16384: 1 }]);
  });

  it('keeps the ranges of two samples as one from 65,537 on, of four from 131,073 on', () => {
    const ranges = (count: number) => Array.from({ length: count }, (_, i) => ({ min: -i, max: i % 7 }));
    const of = (count: number) => new TensorStatistics(undefined, ranges(count));
    expect(of(65536)).toMatchObject({ samplesPerRange: 1 });
    const two = of(65537);
    expect([two.samplesPerRange, two.samples.length]).toEqual([2, 32769]);
    expect(two.samples.slice(0, 4).map(({ min, max }) => [min, max])).toEqual([
      [-1, 1],
      [-3, 3],
      [-5, 5],
      [-7, 6],
    ]);
    expect(two.samples.at(-1)).toEqual({ min: -65536, max: 65536 % 7 });
    const four = of(131073);
    expect([four.samplesPerRange, four.samples.length]).toEqual([4, 32769]);
    expect(four.samples[1]).toEqual({ min: -7, max: 6 });
    expect([four.min, four.max]).toEqual([-131072, 6]);
    // In parts that end within a range of four, too.
    const parts = of(65001);
    const rest = ranges(131073).slice(65001);
    parts.absorb(new TensorStatistics(undefined, rest.slice(0, 40000)));
    parts.absorb(new TensorStatistics(undefined, rest.slice(40000)));
    expect(parts.samples).toEqual(four.samples);
    expect(() => of(1).absorb(four)).toThrow('do not follow others');
  });

  it('does not depend on the order of samples or elements', () => {
    forSeeds(10, (random) => {
      const samples = Array.from({ length: 5 }, () => Array.from({ length: 200 }, () => anyFloat(random)));
      const whole = statisticsOf(...samples);
      const mixed = statisticsOf(...shuffled(samples, random).map((sample) => shuffled(sample, random)));
      expect(filledBins(mixed)).toEqual(filledBins(whole));
      expect([mixed.min, mixed.max, mixed.nonFinite]).toEqual([whole.min, whole.max, whole.nonFinite]);
    });
  });

  it('reads a view into the middle of a buffer', () => {
    const statistics = new TensorStatistics();
    statistics.add(new Float32Array([7, 1, 2, 7]).subarray(1, 3));
    expect(filledBins(statistics)).toEqual({ 16256: 1, 16384: 1 });
  });
});

describe('distribution', () => {
  it('gives each bin the values that share it, cut to the range seen', () => {
    // 1, 1 + 2^-8: bin 0x3f80, whose last float32 is 1 + 2^-7 − 2^-23. −3: 0xc040. 5: the largest ends its bin.
    const { bins, min, max } = statisticsOf([1, 1 + 2 ** -8, -3, 5]).distribution();
    expect(bins).toEqual([
      { low: -3, high: -3, count: 1 },
      { low: 1, high: 1 + 2 ** -7 - 2 ** -23, count: 2 },
      { low: 5, high: 5, count: 1 },
    ]);
    expect([min, max]).toEqual([-3, 5]);
  });

  it('knows where the outermost elements stand that are alone in their bins', () => {
    const ends = statisticsOf([-3.3, 1, 5.7].map(Math.fround)).distribution().bins;
    expect([ends[0]?.high, ends[2]?.low]).toEqual([Math.fround(-3.3), Math.fround(5.7)]);
    const [alone] = statisticsOf([1.1]).distribution().bins;
    expect(alone).toEqual({ low: Math.fround(1.1), high: Math.fround(1.1), count: 1 });
    // 1.1 and 1.101 share bin 0x3f8c, which begins at 1.09375: nothing more is known of them.
    const [, pair] = statisticsOf([1, 1.1, 1.101]).distribution().bins;
    expect(pair).toEqual({ low: 1.09375, high: Math.fround(1.101), count: 2 });
  });

  it('is ascending and disjoint, holds every value, and conserves the mass', () => {
    forSeeds(20, (random) => {
      const values = Array.from({ length: 2000 }, () =>
        random() < 0.5 ? anyFloat(random) : Math.fround(random() - 0.5),
      );
      const finite = values.filter((x) => Number.isFinite(x));
      const { bins } = statisticsOf(values).distribution();
      const ascending = bins.every(({ low, high }, i) => {
        const before = bins[i - 1]?.high ?? Number.NEGATIVE_INFINITY;
        return low <= high && (low > before || (low === 0 && before === 0));
      });
      expect(ascending).toBe(true);
      // Every bin holds as many values as it says; zero is in two bins, one for each sign.
      const signed = bins.filter((bin) => bin.low > 0 || bin.high < 0);
      const held = signed.map(({ low, high }) => finite.filter((x) => x >= low && x <= high).length);
      expect(held).toEqual(signed.map(({ count }) => count));
      expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(finite.length);
    });
  });
});
