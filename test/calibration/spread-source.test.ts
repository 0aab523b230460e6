import { describe, expect, it } from 'vitest';
import { spreadSource } from '../../calibration/spread-source.js';
import { counting, samplesOf } from '../support/counting-source.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

describe('spreadSource', () => {
  it('takes samples at even distances', async () => {
    const spread = await spreadSource(counting(10, 1), 4);
    expect(await samplesOf(spread)).toEqual([2, 4, 7, 9]);
    expect(spread.length).toBe(4);
  });

  it('takes whole runs, and does not count what fills up the last one', async () => {
    const spread = await spreadSource(counting(9, 2), 3);
    expect(await samplesOf(spread)).toEqual([4, 5, 8]);
    expect(spread.length).toBe(3);
  });

  it('is the source itself where that has no more', async () => {
    const source = counting(8, 3);
    expect(await spreadSource(source, 8)).toBe(source);
    expect(await spreadSource(source, 7)).toBe(source);
  });

  it('has as many as asked for but for a run, in order, and says how many', async () => {
    const cases: [length: number, perRun: number, count: number][] = [];
    forSeeds(30, (random) => {
      const length = anyInteger(random, 1, 60);
      cases.push([length, anyInteger(random, 1, 5), anyInteger(random, 1, length)]);
    });
    for (const [length, perRun, count] of cases) {
      const spread = await spreadSource(counting(length, perRun), count);
      const found = await samplesOf(spread);
      expect(found.length).toBe(spread.length);
      expect(Math.abs(found.length - count)).toBeLessThan(perRun);
      expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
    }
  });
});
