import { describe, expect, it } from 'vitest';
import { planPasses, threadsWithin } from '../../src/calibrate/passes.js';
import { expectRefusal } from '../support/refusal.js';

const MIB = 2 ** 20;
const sizes = new Map([
  ['a', 4 * MIB],
  ['b', 6 * MIB],
  ['c', 6 * MIB],
  ['d', 2 * MIB],
]);
const limit = (mebibytes: number, isFirm = true) => ({
  residentBytes: 100 * MIB,
  limitBytes: mebibytes * MIB,
  isFirm,
});

describe('planPasses', () => {
  // By hand: 100 resident + 64 for the workspace + 4 × 6 for values that live = 188 MiB; the rest holds 2 runs.
  it.each([
    [188 + 2 * 18, [['a', 'b', 'c', 'd']], 224],
    [188 + 2 * 17, [['a', 'b', 'c'], ['d']], 220],
    [
      188 + 2 * 10,
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      208,
    ],
    [188 + 2 * 6, [['a'], ['b'], ['c'], ['d']], 200],
  ])('within %d MiB', (mebibytes, passes, estimate) => {
    const plan = planPasses(sizes, limit(mebibytes));
    expect(plan.passes).toEqual(passes);
    expect(plan.estimateBytes).toBe(estimate * MIB);
  });

  it('refuses a limit below one value at a time, and says what it takes', async () => {
    const error = await expectRefusal(async () => planPasses(sizes, limit(199)), 'memory-limit', 2);
    expect(error.facts).toEqual({ limit: 199, least: 200 });
  });

  it('does what it can where nobody set a limit', () => {
    expect(planPasses(sizes, limit(10, false)).passes).toEqual([['a'], ['b'], ['c'], ['d']]);
  });

  it('has no pass for no values', () => {
    expect(planPasses(new Map(), limit(200)).passes).toEqual([]);
  });
});

describe('threadsWithin', () => {
  const plan = planPasses(sizes, limit(1000));
  // By hand: 224 MiB for one; each other takes 30 of its own, 64 for the workspace, 4 × 6 and 2 × 18, which is 154.
  it.each([
    [224, 1],
    [377, 1],
    [378, 2],
    [531, 2],
    [532, 3],
  ])('within %i MiB are %i', (mebibytes, threads) => {
    expect(threadsWithin(sizes, limit(mebibytes), plan, 30 * MIB)).toBe(threads);
  });
});
