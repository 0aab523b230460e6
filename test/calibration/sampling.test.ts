import { describe, expect, it } from 'vitest';
import { chooseSamples, seededRandom } from '../../calibration/sampling.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

describe('seededRandom', () => {
  // mulberry32 in Python integers, seed 1.
  it('is mulberry32', () => {
    const random = seededRandom(1);
    expect([random(), random(), random()].map((x) => x * 2 ** 32)).toEqual([
      2693262067, 11749833, 2265367787,
    ]);
  });

  it('is even', () => {
    const random = seededRandom(5);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) (tenths[Math.floor(random() * 10)] as number)++;
    // Standard deviation of each count: 95.
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe('chooseSamples', () => {
  it('takes all in order where no number, or too large a one, is wanted', () => {
    for (const wanted of [undefined, 4, 9]) expect(chooseSamples(4, wanted, 7)).toEqual([0, 1, 2, 3]);
  });

  it('is the same for the same seed, in file order, without repetition', () => {
    forSeeds(100, (random, seed) => {
      const total = anyInteger(random, 1, 200);
      const wanted = anyInteger(random, 0, total);
      const chosen = chooseSamples(total, wanted, seed);
      expect(chosen).toEqual(chooseSamples(total, wanted, seed));
      expect(chosen).toHaveLength(wanted);
      expect(chosen.every((index, i) => index < total && index > (chosen[i - 1] ?? -1))).toBe(true);
    });
  });

  it('depends on the seed, and takes every sample as often', () => {
    const times = new Array<number>(20).fill(0);
    const choices = new Set<string>();
    for (let seed = 0; seed < 4000; seed++) {
      const chosen = chooseSamples(20, 5, seed);
      choices.add(chosen.join());
      for (const index of chosen) (times[index] as number)++;
    }
    expect(choices.size).toBeGreaterThan(3000);
    // A quarter of 4,000 each; standard deviation 27.
    for (const count of times) expect(Math.abs(count - 1000)).toBeLessThan(140);
  });
});
