import { describe, expect, it } from 'vitest';
import { keepsMeasured, keepsSurely } from '../../src/search/limits.js';

const measured = (sqnrDb: number | null, drop: number | null, dropError: number) => ({
  samples: 1000,
  sqnrDb,
  drop,
  dropError,
});

describe('limits on what was measured', () => {
  it.each([
    [{ maxDrop: 0.005 }, measured(20, 0.005, 0.1), true],
    [{ maxDrop: 0.005 }, measured(20, 0.0051, 0), false],
    [{ maxDrop: 0.005 }, measured(20, null, 0), false],
    [{ minSqnrDb: 20 }, measured(20, null, 0), true],
    [{ minSqnrDb: 20 }, measured(19.9, 0, 0), false],
    [{ minSqnrDb: 20 }, measured(null, 0, 0), true],
    [{ maxDrop: 0.01, minSqnrDb: 30 }, measured(29, 0, 0), false],
  ])('%j of %j: %s', (limits, quality, kept) => {
    expect(keepsMeasured(quality, limits)).toBe(kept);
  });
});

describe('limits on a drop of accuracy, with certainty', () => {
  it('count the standard error of a model that stands alone: 1.645 of them for 95 %', () => {
    const alone = measured(20, 0.002, 0.002);
    // 0.002 + 1.645·0.002 = 0.00529
    expect(keepsSurely(alone, [alone], { maxDrop: 0.0053 })).toBe(true);
    expect(keepsSurely(alone, [alone], { maxDrop: 0.0052 })).toBe(false);
  });

  it('take a line through the drops of all models, each weighted by its error', () => {
    const here = measured(20, 0.006, 0.003);
    const louder = measured(10 * Math.log10(1 / 0.04), 0.004, 0.002);
    // Noises 0.01 and 0.04: β = (0.01·0.006/9e−6 + 0.04·0.004/4e−6) / (1e−4/9e−6 + 1.6e−3/4e−6) = 46.667/411.11 = 0.1135,
    // error 1/√411.11 = 0.04932; at 0.01: 0.001135 + 1.645·0.0004932 = 0.001946.
    expect(keepsSurely(here, [here, louder], { maxDrop: 0.00195 })).toBe(true);
    expect(keepsSurely(here, [here, louder], { maxDrop: 0.00194 })).toBe(false);
  });

  it('leave models with far more noise out, and let no drop be negative', () => {
    const here = measured(20, -0.01, 0.001);
    const far = measured(10, 0.5, 0.01);
    expect(keepsSurely(here, [here, far], { maxDrop: 0.00165 })).toBe(true);
    expect(keepsSurely(here, [here, far], { maxDrop: 0.0016 })).toBe(false);
  });

  it('take the share of changed classes as it is: it is a bound already', () => {
    const changed = measured(20, 0.004, 0);
    expect(keepsSurely(changed, [changed, measured(19, 0.5, 0)], { maxDrop: 0.004 })).toBe(true);
    expect(keepsSurely(changed, [changed], { maxDrop: 0.0039 })).toBe(false);
  });
});
