import { describe, expect, it } from 'vitest';
import { BitCounter, countBits, countInLoop } from '../../calibration/bit-counter.js';
import { anyFloat, anyInteger, forSeeds } from '../support/random-data.js';

const BINS = 65_536;

type Counting = (values: Float32Array, counts: Float64Array) => unknown;

/** All that a way of counting gives, its empty bins left out. */
function contentOf(count: Counting, values: Float32Array) {
  const counts = new Float64Array(BINS);
  const found = count(values, counts);
  return { found, bins: [...counts.entries()].filter(([, each]) => each > 0) };
}

const counter = new BitCounter();
const kernel: Counting = (values, counts) => counter.count(values, counts);

describe.each([
  ['kernel', kernel],
  ['loop', countInLoop],
] as const)('%s', (_, count) => {
  it('counts by the upper 16 bits, and finds the ends of what is finite', () => {
    // IEEE 754 by hand: 1 is 0x3f800000, −2.25 0xc0100000, 2^−149 0x00000001, −0 0x80000000.
    const values = Float32Array.of(1, 1, -2.25, 2 ** -149, 0, -0, Number.NaN, Number.NEGATIVE_INFINITY);
    expect(contentOf(count, values)).toEqual({
      found: { min: -2.25, max: 1, nonFinite: 2 },
      bins: [
        [0x0000, 2],
        [0x3f80, 2],
        [0x8000, 1],
        [0xc010, 1],
      ],
    });
  });

  it('adds to the counts that are there', () => {
    const counts = new Float64Array(BINS).fill(2 ** 40);
    count(Float32Array.of(1), counts);
    expect([counts[0x3f7f], counts[0x3f80]]).toEqual([2 ** 40, 2 ** 40 + 1]);
  });

  it('has the empty range where nothing is finite', () => {
    const nothing = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
    expect(contentOf(count, new Float32Array()).found).toEqual({ ...nothing, nonFinite: 0 });
    expect(contentOf(count, Float32Array.of(Number.NaN)).found).toEqual({ ...nothing, nonFinite: 1 });
  });
});

describe('the kernel gives what the loop gives', () => {
  it('on arrays of any length and any bits', () => {
    forSeeds(60, (random) => {
      const values = Float32Array.from({ length: anyInteger(random, 0, 200) }, () => anyFloat(random));
      expect(contentOf(kernel, values)).toEqual(contentOf(countInLoop, values));
    });
  });

  // Its copy takes 16,384 elements at a time, in fours.
  it.each([16_383, 16_384, 16_385, 40_002])('on %i elements', (length) => {
    forSeeds(2, (random) => {
      const relu = Float32Array.from({ length }, () => Math.max(0, random() - 0.5));
      expect(contentOf(kernel, relu)).toEqual(contentOf(countInLoop, relu));
      const negative = relu.map((x) => -x);
      expect(contentOf(kernel, negative)).toEqual(contentOf(countInLoop, negative));
      const wild = Float32Array.from({ length }, () => anyFloat(random));
      expect(contentOf(kernel, wild)).toEqual(contentOf(countInLoop, wild));
    });
  });

  it('on a view into the middle of a buffer, twice', () => {
    const values = Float32Array.from({ length: 9_005 }, (_, i) => Math.fround(Math.sin(i))).subarray(3);
    for (let i = 0; i < 2; i++) expect(contentOf(countBits, values)).toEqual(contentOf(countInLoop, values));
  });
});
