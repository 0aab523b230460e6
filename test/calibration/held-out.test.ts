import { describe, expect, it } from 'vitest';
import { splitSource } from '../../calibration/held-out.js';
import { counting, samplesOf } from '../support/counting-source.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

describe('splitSource', () => {
  it('holds out every eighth sample', async () => {
    const { kept, heldOut } = await splitSource(counting(17, 1));
    expect(await samplesOf(heldOut)).toEqual([7, 15]);
    expect(await samplesOf(kept)).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16]);
  });

  it('holds out one run in as many as asked, and says which samples those are', async () => {
    const { kept, heldOut, isHeldOut } = await splitSource(counting(9, 2), 2);
    expect(await samplesOf(heldOut)).toEqual([2, 3, 6, 7]);
    expect(await samplesOf(kept)).toEqual([0, 1, 4, 5, 8]);
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].filter(isHeldOut)).toEqual([2, 3, 6, 7]);
  });

  it('spares none of fewer than eight runs', async () => {
    const source = counting(7, 1);
    const { kept, heldOut } = await splitSource(source);
    expect([kept, heldOut]).toEqual([source, source]);
  });

  it('parts the samples, none in both, and says how many there are', async () => {
    const cases: [number, number][] = [];
    forSeeds(50, (random) => cases.push([anyInteger(random, 1, 100), anyInteger(random, 1, 5)]));
    for (const [length, perRun] of cases) {
      const { kept, heldOut } = await splitSource(counting(length, perRun));
      const [one, other] = [await samplesOf(kept), await samplesOf(heldOut)];
      expect([one.length, other.length]).toEqual([kept.length, heldOut.length]);
      if (kept !== heldOut)
        expect([...one, ...other].sort((a, b) => a - b)).toEqual([...Array(length).keys()]);
    }
  });
});
