import { describe, expect, it } from 'vitest';
import { bestChain } from '../../../src/numerics/best-chain.js';
import { pricedClusters } from '../../../src/quantize/schemes/priced-clusters.js';
import { sortMagnitudes } from '../../../src/quantize/schemes/sorted-magnitudes.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';

/** Magnitudes of the kinds that channels have. */
const kinds: readonly ((random: () => number) => number)[] = [
  (random) => random(),
  (random) => Math.abs(random() + random() + random() - 1.5),
  (random) => (random() < 0.05 ? 3 : 1) * random() ** 3,
  (random) => 1 + 1e-3 * random(),
  // Few values, most of them the same.
  (random) => anyInteger(random, 0, 40),
  (random) => (random() < 0.7 ? 0 : random()),
  (random) => 2 ** -anyInteger(random, 0, 12),
];

/** The clustering of largest Σ −Σ_n · log P_n by the plain programme, its terms by their definition. */
function plainClusters(magnitudes: readonly number[], clusters: number, zeroLevel: boolean): number[] {
  const values = [...new Set(magnitudes)].sort((a, b) => a - b);
  const before = (i: number) => magnitudes.filter((w) => w < (values[i] ?? Number.POSITIVE_INFINITY));
  const counts = Array.from({ length: values.length + 1 }, (_, i) => before(i).length);
  const squares = Array.from({ length: values.length + 1 }, (_, i) =>
    before(i).reduce((sum, w) => sum + w * w, 0),
  );
  const term = (from: number, to: number) => {
    const share = ((counts[to] as number) - (counts[from] as number)) / magnitudes.length;
    return -((squares[to] as number) - (squares[from] as number)) * Math.log(share);
  };
  const start = Float64Array.from(values, (_, i) => (zeroLevel ? 0 : term(0, i + 1)));
  const ends = bestChain(start, clusters, (from, to) => term(from + 1, to + 1));
  return [0, ...[...ends].map((end) => end + 1)];
}

describe('clusters by a price on each', () => {
  it('are those of the plain programme, or none where it is not sure', () => {
    let [sure, tried] = [0, 0];
    forSeeds(1500, (random, seed) => {
      const kind = kinds[seed % kinds.length] as (random: () => number) => number;
      const size = anyInteger(random, 3, seed % 10 === 0 ? 300 : 60);
      const magnitudes = Array.from({ length: size }, () => kind(random));
      const sorted = sortMagnitudes(Float64Array.from(magnitudes));
      const distinct = sorted.values.length;
      if (distinct < 2) return;
      const clusters = anyInteger(random, 1, Math.min(distinct - 1, 20));
      const zeroLevel = random() < 0.3;
      const found = pricedClusters(sorted, clusters, { zeroLevel });
      if (found) expect([...found]).toEqual(plainClusters(magnitudes, clusters, zeroLevel));
      // No other whatever was looked for before.
      pricedClusters(sortMagnitudes(Float64Array.from({ length: 40 }, random)), 3, {});
      const again = pricedClusters(sorted, clusters, { zeroLevel });
      if (found && again) expect(again).toEqual(found);
      if (seed % kinds.length > 2 || zeroLevel || distinct < 2 * clusters) return;
      tried++;
      if (found) sure++;
    });
    expect(tried).toBeGreaterThan(250);
    expect(sure / tried).toBeGreaterThan(0.95);
  });

  it('are none where two clusterings are as good', () => {
    // {1, 1} {1.2, z} and {1, 1, 1.2} {z}: as good where z²·ln 2 = (2 + 1.44)·ln 3/2.
    const z = Math.sqrt((3.44 * Math.log(1.5)) / Math.LN2);
    const clustersWith = (last: number) =>
      pricedClusters(sortMagnitudes(Float64Array.of(1, 1, 1.2, last)), 2, {});
    expect(clustersWith(z)).toBeUndefined();
    expect(clustersWith(z * (1 - 1e-9))).toEqual(Int32Array.of(0, 1, 3));
    expect(clustersWith(z * (1 + 1e-9))).toEqual(Int32Array.of(0, 2, 3));
  });

  it('find a price for many magnitudes and many clusters', () => {
    // 70,000 magnitudes 0.5, 1.5, …: more than there is kept room for.
    const sorted = sortMagnitudes(Float64Array.from({ length: 70_000 }, (_, i) => i + 0.5));
    for (const clusters of [3, 100]) {
      const found = pricedClusters(sorted, clusters, {}) as Int32Array;
      expect(found).toHaveLength(clusters + 1);
      // No boundary is better a place aside.
      const term = (from: number, to: number) =>
        -((sorted.importances[to] as number) - (sorted.importances[from] as number)) *
        Math.log((to - from) / 70_000);
      for (let k = 1; k < clusters; k++) {
        const [before, here, after] = found.subarray(k - 1, k + 2);
        const valueAt = (c: number) => term(before as number, c) + term(c, after as number);
        for (const off of [-1, 1])
          expect(valueAt(here as number)).toBeGreaterThan(valueAt((here as number) + off));
      }
    }
  });
});
