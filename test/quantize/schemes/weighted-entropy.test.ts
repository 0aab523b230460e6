import { describe, expect, it } from 'vitest';
import { type Boundaries, sortMagnitudes } from '../../../src/quantize/schemes/sorted-magnitudes.js';
import {
  exactClusters,
  levelsOf,
  searchClusters,
  weightedEntropy,
} from '../../../src/quantize/schemes/weighted-entropy.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';
import { normalFloats } from '../../support/weight-request.js';

const magnitudesOf = (values: Float32Array) => Float64Array.from(values, Math.abs);

/** S of clusters of magnitudes, by its definition. */
function entropyOf(clusters: readonly (readonly number[])[], skip = 0): number {
  const total = clusters.reduce((sum, cluster) => sum + cluster.length, 0);
  return clusters.slice(skip).reduce((sum, cluster) => {
    if (cluster.length === 0) return sum;
    const share = cluster.length / total;
    const importance = cluster.reduce((squares, w) => squares + w * w, 0) / cluster.length;
    return sum - importance * share * Math.log(share);
  }, 0);
}

/** The largest S over all ways to cut sorted magnitudes, none of them between equal ones. */
function bruteForce(sorted: readonly number[], clusters: number, skip: number): number {
  const cut = (first: number, rest: number): (readonly number[])[][] => {
    if (rest === 1) return [[sorted.slice(first)]];
    const found: (readonly number[])[][] = [];
    for (let end = first + 1; end < sorted.length; end++) {
      if (sorted[end] === sorted[end - 1]) continue;
      for (const others of cut(end, rest - 1)) found.push([sorted.slice(first, end), ...others]);
    }
    return found;
  };
  return Math.max(...cut(0, clusters).map((partition) => entropyOf(partition, skip)));
}

describe('weightedEntropy', () => {
  it('is −Σ I·P·log P, by hand', () => {
    // Clusters {1, 1} and {2, 4}: −1·½·log ½ − 10·½·log ½.
    const sorted = sortMagnitudes(Float64Array.of(2, 1, 4, 1));
    expect([...sorted.values]).toEqual([1, 2, 4]);
    expect(weightedEntropy(sorted, Int32Array.of(0, 1, 3))).toBeCloseTo(5.5 * Math.LN2, 12);
    expect(weightedEntropy(sorted, Int32Array.of(0, 1, 3), { zeroLevel: true })).toBeCloseTo(
      5 * Math.LN2,
      12,
    );
    const { lows, levels, counts } = levelsOf(sorted, Int32Array.of(0, 1, 3));
    expect([...lows]).toEqual([1, 2]);
    expect([...levels]).toEqual([1, Math.sqrt(10)]);
    expect([...counts]).toEqual([2, 2]);
  });
});

describe('exactClusters', () => {
  it('is the best of all clusterings, with ties and with a zero level', () => {
    forSeeds(80, (random, seed) => {
      const size = anyInteger(random, 2, 11);
      const isTied = seed % 2 === 0;
      const magnitudes = Float64Array.from({ length: size }, () =>
        isTied ? anyInteger(random, 0, 4) : random() ** 3,
      );
      const sorted = sortMagnitudes(magnitudes);
      const clusters = anyInteger(random, 1, Math.min(4, sorted.values.length));
      for (const zeroLevel of [false, true]) {
        const found = exactClusters(sorted, clusters, { zeroLevel });
        expect(found).toHaveLength(clusters + 1);
        const best = bruteForce(
          [...magnitudes].sort((a, b) => a - b),
          clusters,
          zeroLevel ? 1 : 0,
        );
        expect(weightedEntropy(sorted, found, { zeroLevel })).toBeCloseTo(best, 12);
      }
    });
  });

  it('is never below the search of the paper, and a little above it', () => {
    let gained = 0;
    forSeeds(60, (random, seed) => {
      const sorted = sortMagnitudes(magnitudesOf(normalFloats(anyInteger(random, 20, 600), seed)));
      for (const clusters of [2, 4, 8]) {
        const exact = weightedEntropy(sorted, exactClusters(sorted, clusters));
        const search = weightedEntropy(sorted, searchClusters(sorted, clusters));
        expect(exact).toBeGreaterThanOrEqual(search * (1 - 1e-12));
        gained = Math.max(gained, exact / search - 1);
      }
    });
    expect(gained).toBeGreaterThan(1e-6);
  });

  it('has no more clusters than distinct magnitudes, and none of nothing', () => {
    const clusters = (...magnitudes: number[]): Boundaries =>
      exactClusters(sortMagnitudes(Float64Array.from(magnitudes)), 4);
    expect([...clusters(3, 3, 1)]).toEqual([0, 1, 2]);
    expect([...clusters(0, 0)]).toEqual([0, 1]);
    expect([...clusters()]).toEqual([0]);
    expect([...searchClusters(sortMagnitudes(new Float64Array(0)), 4)]).toEqual([0]);
  });
});

describe('levels of a normal distribution', () => {
  const sorted = sortMagnitudes(magnitudesOf(normalFloats(200_000, 1)));
  const golden: [number, number[], number | undefined][] = [
    [2, [0.7, 1.881], undefined],
    [4, [0.522, 1.192, 1.686, 2.386], 0.66],
    [8, [0.403, 0.874, 1.147, 1.379, 1.608, 1.858, 2.174, 2.743], 0.53],
  ];

  // Both signs have the same distribution: of N(0, 1) the magnitudes of one sign are those of both.
  it.each(golden)('%i clusters, as measured by others on 200,000 samples', (clusters, expected, share) => {
    for (const solve of [exactClusters, searchClusters]) {
      const { levels, counts } = levelsOf(sorted, solve(sorted, clusters));
      // The objective is flat about its optimum: samples move a boundary by about 1 %.
      levels.forEach((level, n) => {
        expect(Math.abs(level / (expected[n] as number) - 1)).toBeLessThan(0.02);
      });
      if (share) expect((counts[0] as number) / 200_000).toBeCloseTo(share, 1);
    }
  });

  it('lose what the method is known to lose: 15.40 dB by boundary, 15.75 dB to the nearest', () => {
    const { lows, levels } = levelsOf(sorted, exactClusters(sorted, 8));
    let [boundary, nearest, power] = [0, 0, 0];
    for (const w of magnitudesOf(normalFloats(50_000, 2))) {
      const cluster = Math.max(
        0,
        lows.findLastIndex((low) => low <= w),
      );
      boundary += (w - (levels[cluster] as number)) ** 2;
      nearest += Math.min(...levels.map((level) => (w - level) ** 2));
      power += w * w;
    }
    expect(10 * Math.log10(power / boundary)).toBeCloseTo(15.4, 0);
    expect(10 * Math.log10(power / nearest)).toBeCloseTo(15.75, 0);
    expect(boundary).toBeGreaterThan(nearest);
  });
});
