import { expect, it } from 'vitest';
import { bestChain } from '../../../src/numerics/best-chain.js';
import { LevelChain } from '../../../src/quantize/schemes/level-chain.js';
import { gainsOf } from '../../support/level-gains.js';
import { anyInteger, forSeeds } from '../../support/random-data.js';

/** No chain comes to too little. */
const any = (nodes: number) => new Float64Array(nodes).fill(Number.NEGATIVE_INFINITY);

it('chooses the levels that the search of any chain does', () => {
  forSeeds(80, (random) => {
    const nodes = anyInteger(random, 2, 60);
    const count = anyInteger(random, 1, nodes);
    const weights = Array.from({ length: anyInteger(random, 1, 90) }, () => ({
      at: (nodes - 1) * random() ** 2,
      by: random(),
    }));
    const { moved, end } = gainsOf(nodes, weights);
    const gain = (from: number, to: number) => (to - from) * (moved[from + to] as number);
    const search = new LevelChain(nodes, count);
    const total = (chain: Int32Array) =>
      chain.reduce(
        (sum, node, k) => (k === 0 ? sum : sum + gain(chain[k - 1] as number, node)),
        end[chain.at(-1) as number] as number,
      );
    const known = bestChain(new Float64Array(nodes), count, gain, end);
    const found = search.best(moved, end, any(nodes)) as Int32Array;
    expect(total(found)).toBeCloseTo(total(known), 9);
    // Where each level has weights, no two choices are as good.
    if (weights.length > 2 * count && count < 8) expect(found).toEqual(known);
    // Nothing is left of one search in the next.
    expect(search.best(moved, end, any(nodes))).toEqual(found);
    // The same within a bound that it keeps; none within one that it does not.
    if (count === nodes) return;
    const below = Float64Array.from({ length: nodes }, (_, node) =>
      weights.reduce((sum, { at, by }) => (at < node ? sum + by * (at - node) ** 2 : sum), 0),
    );
    const error = -total(found);
    const mirrored = weights.map(({ at, by }) => ({ at: nodes - 1 - at, by }));
    const other = gainsOf(nodes, mirrored);
    const within = (bound: number) => {
      search.best(other.moved, other.end, any(nodes));
      const least = below.map((value) => value - bound);
      return search.best(moved, end, least);
    };
    expect(total(within(1.01 * error + 1e-9) as Int32Array)).toBeCloseTo(-error, 9);
    if (weights.length > 2 * count && count < 8) {
      expect(within(1.01 * error)).toEqual(known);
      const lost = within(0.9 * error);
      if (lost) expect(total(lost)).toBeLessThanOrEqual(-error + 1e-9);
      if (count > 1) expect(within(0)).toBeUndefined();
    }
  });
});

it('has two levels on two weights, and all there are where as many are asked for', () => {
  const { moved, end } = gainsOf(9, [
    { at: 2, by: 1 },
    { at: 7, by: 1 },
  ]);
  expect(new LevelChain(9, 2).best(moved, end, any(9))).toEqual(Int32Array.of(2, 7));
  expect(new LevelChain(3, 3).best(new Float64Array(5), new Float64Array(3), any(3))).toEqual(
    Int32Array.of(0, 1, 2),
  );
});
