import { describe, expect, it } from 'vitest';
import { bestChain } from '../../../src/numerics/best-chain.js';
import { PricedChain } from '../../../src/quantize/schemes/priced-chain.js';
import { gainsOf } from '../../support/level-gains.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';

/** Places of weights from 0 to 1, of the kinds that channels have. */
const kinds: readonly ((random: () => number) => number)[] = [
  (random) => random(),
  (random) => (random() + random() + random()) / 3,
  (random) => random() ** 4,
  // Few values, most of them the same.
  (random) => Math.floor(8 * random() ** 3) / 8,
  (random) => (random() < 0.7 ? 0.5 : random()),
  (random) => (random() < 0.02 ? random() : 0.45 + 0.1 * random()),
  () => 0.3,
];

const MARGIN = 1e-9;

describe('chains by a price on nodes', () => {
  it('finds the chain of the plain programme, or says that it is not sure', () => {
    let sure = 0;
    let tried = 0;
    forSeeds(3000, (random, seed) => {
      const nodes = anyInteger(random, 2, seed % 10 === 0 ? 255 : 40);
      const count = anyInteger(random, 1, Math.min(nodes - 1, 20));
      const kind = kinds[seed % kinds.length] as (random: () => number) => number;
      const weights = Array.from({ length: anyInteger(random, 1, 120) }, () => ({
        at: (nodes - 1) * kind(random),
        by: 1 + (seed % 3) * random(),
      }));
      const { moved, end } = gainsOf(nodes, weights);
      const gain = (from: number, to: number) => (to - from) * (moved[from + to] as number);
      const known = bestChain(new Float64Array(nodes), count, gain, end);
      const total = known.reduce(
        (sum, node, k) => (k === 0 ? sum : sum + gain(known[k - 1] as number, node)),
        end[known.at(-1) as number] as number,
      );
      const search = new PricedChain(nodes, count);
      const price = -10 * (random() + 0.01) * ((total - 1e-3) / count);
      const best = (least: number) => search.best({ moved, end, least, margin: MARGIN, price });
      const found = best(total - 1e-6);
      if (found !== 'unsure') expect(found).toEqual(known);
      // Where each level has weights, hardly any two choices are as good.
      if (seed % kinds.length < 3 && weights.length > 2 * count) {
        tried++;
        if (found !== 'unsure') sure++;
      }
      // What none comes to is found by none; what is found is the same whatever was looked for before.
      expect(['none', 'unsure']).toContain(best(total + 1e-6));
      expect(best(Number.NEGATIVE_INFINITY)).toEqual(found);
    });
    expect(tried).toBeGreaterThan(700);
    expect(sure / tried).toBeGreaterThan(0.9);
  });

  it('does not choose between chains that are as good', () => {
    // One level for weights at 1 and 2: either has the error 1.
    const two = gainsOf(4, [
      { at: 1, by: 1 },
      { at: 2, by: 1 },
    ]);
    const choice = { least: Number.NEGATIVE_INFINITY, margin: MARGIN, price: 1 };
    expect(new PricedChain(4, 1).best({ ...two, ...choice })).toBe('unsure');
    // Two levels for weights at 0, 1 and 2: the one in the middle goes with either.
    const three = gainsOf(
      3,
      [0, 1, 2].map((at) => ({ at, by: 1 })),
    );
    expect(new PricedChain(3, 2).best({ ...three, ...choice, price: 0.7 })).toBe('unsure');
    // A third level for two weights can stand anywhere.
    expect(new PricedChain(9, 3).best({ ...two, ...choice })).toBe('unsure');
  });

  it('has a level on each of two heaps, whatever price it begins at', () => {
    const heaps = gainsOf(9, [
      { at: 2, by: 5 },
      { at: 7, by: 4 },
      { at: 7.3, by: 1 },
    ]);
    const search = new PricedChain(9, 2);
    for (const price of [1e-6, 0.01, 1, 40, 1e6]) {
      const choice = { ...heaps, least: -1, margin: MARGIN, price };
      expect(search.best(choice)).toEqual(Int32Array.of(2, 7));
    }
    // Its error is 0.09.
    expect(search.best({ ...heaps, least: -0.08, margin: MARGIN, price: 1 })).toBe('none');
  });
});
