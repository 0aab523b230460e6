import { describe, expect, it } from 'vitest';
import { bestChain } from '../../src/numerics/best-chain.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

/** Every ascending chain of a length. */
function chains(nodes: number, length: number, first = 0): number[][] {
  if (length === 0) return [[]];
  return Array.from({ length: Math.max(0, nodes - first) }, (_, i) => first + i).flatMap((node) =>
    chains(nodes, length - 1, node + 1).map((rest) => [node, ...rest]),
  );
}

describe('bestChain', () => {
  it('is the best of all chains, for gains that obey the quadrangle inequality', () => {
    forSeeds(60, (random) => {
      const nodes = anyInteger(random, 2, 9);
      const length = anyInteger(random, 1, nodes);
      // −(distance of places)² obeys it, and so does anything of one end alone.
      const places = Array.from({ length: nodes }, random).sort((a, b) => a - b);
      const from = places.map(random);
      const to = places.map(random);
      const gain = (a: number, b: number) =>
        (from[a] as number) + (to[b] as number) - ((places[b] as number) - (places[a] as number)) ** 2;
      const start = Float64Array.from(places, random);
      const end = random() < 0.5 ? undefined : Float64Array.from(places, random);
      const total = (chain: ArrayLike<number>) => {
        let value = (start[chain[0] as number] as number) + (end?.[chain[length - 1] as number] ?? 0);
        for (let k = 1; k < length; k++) value += gain(chain[k - 1] as number, chain[k] as number);
        return value;
      };
      const allowed = chains(nodes, length).filter((chain) => end || chain.at(-1) === nodes - 1);
      const found = bestChain(start, length, gain, end);
      expect(allowed).toContainEqual([...found]);
      expect(total(found)).toBeCloseTo(Math.max(...allowed.map(total)), 10);
    });
  });

  it('has no chain of no nodes, or of more than there are', () => {
    expect(() => bestChain(new Float64Array(3), 0, () => 0)).toThrow('no chain of 0 of 3 nodes');
    expect(() => bestChain(new Float64Array(3), 4, () => 0)).toThrow('no chain of 4 of 3 nodes');
  });
});
