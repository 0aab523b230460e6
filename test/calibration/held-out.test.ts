import { describe, expect, it } from 'vitest';
import { splitSource } from '../../calibration/held-out.js';
import type { SampleSource } from '../../calibration/source.js';
import { anyInteger, forSeeds } from '../support/random-data.js';

/** Samples 0, 1, 2, …, some to a run; the last run is filled up. */
function counting(length: number, perRun: number): SampleSource {
  return {
    label: 'counting',
    length,
    preprocess: 'none',
    async *open() {
      for (let start = 0; start < length; start += perRun) {
        const data = Float32Array.from({ length: perRun }, (_, i) => (start + i) % length);
        yield {
          feed: { x: { type: 'float32', dims: [perRun], data } },
          size: perRun,
          samples: Math.min(perRun, length - start),
        };
      }
    },
  };
}

async function samplesOf(source: SampleSource): Promise<number[]> {
  const found: number[] = [];
  for await (const { feed, samples } of source.open())
    found.push(...[...(feed.x?.data ?? [])].slice(0, samples).map(Number));
  return found;
}

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
