import { describe, expect, it } from 'vitest';
import { keepsMeasured, keepsSurely, limitsOf } from '../../src/search/limits.js';

const measured = (
  sqnrDb: number | null,
  drop: number | null,
  dropError: number,
  agreement: number | null = 1,
) => ({
  ...{ samples: 1000, agreement },
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
    [{ minAgreement: 0.99 }, measured(20, null, 0, 0.99), true],
    [{ minAgreement: 0.99 }, measured(20, 0, 0, 0.989), false],
    [{ minAgreement: 0.99 }, measured(20, 0, 0, null), false],
    [{ maxDrop: 0.01, minSqnrDb: 30 }, measured(29, 0, 0), false],
  ])('%j of %j: %s', (limits, quality, kept) => {
    expect(keepsMeasured(quality, limits)).toBe(kept);
  });
});

describe('limits on a drop of accuracy, where it will be stated', () => {
  it('count the error of the measurement, and the chance of the other samples: 1.282 of both for nine in ten', () => {
    const alone = measured(20, 0.002, 0.002);
    // 0.002 + 1.282·0.002·√(1 + 1) = 0.005626; of four times the samples √(1 + 1/4): 0.004867.
    const evidence = { all: [alone], statedOn: 1000 };
    expect(keepsSurely(alone, evidence, { maxDrop: 0.00563 })).toBe(true);
    expect(keepsSurely(alone, evidence, { maxDrop: 0.00562 })).toBe(false);
    expect(keepsSurely(alone, { ...evidence, statedOn: 4000 }, { maxDrop: 0.00487 })).toBe(true);
    expect(keepsSurely(alone, { ...evidence, statedOn: 4000 }, { maxDrop: 0.00486 })).toBe(false);
  });

  it('take a line through the drops of all models, each weighted by its error', () => {
    const here = measured(20, 0.006, 0.003);
    const louder = measured(10 * Math.log10(1 / 0.04), 0.004, 0.002);
    // Noises 0.01 and 0.04: β = (0.01·0.006/9e−6 + 0.04·0.004/4e−6) / (1e−4/9e−6 + 1.6e−3/4e−6) = 46.667/411.11 = 0.1135,
    // its variance 1/411.11; at 0.01: 0.001135 + 1.282·√(1e−4/411.11 + 9e−6) = 0.005032.
    const evidence = { all: [here, louder], statedOn: 1000 };
    expect(keepsSurely(here, evidence, { maxDrop: 0.00504 })).toBe(true);
    expect(keepsSurely(here, evidence, { maxDrop: 0.00502 })).toBe(false);
  });

  it('leave models with far more noise out, and let no drop be negative', () => {
    const here = measured(20, -0.01, 0.001);
    const far = measured(10, 0.5, 0.01);
    // 1.282·0.001·√2 = 0.001813.
    const evidence = { all: [here, far], statedOn: 1000 };
    expect(keepsSurely(here, evidence, { maxDrop: 0.00182 })).toBe(true);
    expect(keepsSurely(here, evidence, { maxDrop: 0.00181 })).toBe(false);
  });

  it('take other limits as they were measured', () => {
    const here = measured(20, 0, 0.001, 0.99);
    expect(keepsSurely(here, { all: [here], statedOn: 10 }, { minAgreement: 0.99, minSqnrDb: 20 })).toBe(
      true,
    );
    expect(keepsSurely(here, { all: [here], statedOn: 10 }, { minAgreement: 0.991 })).toBe(false);
  });
});

describe('the limits that gates set', () => {
  it('are those that fail, on the whole model, on the side that limits harm', () => {
    const gates = ['top1_drop<=0.5%', 'agreement>99%', 'sqnr>=30dB', 'size<300KB'];
    expect(limitsOf(gates)).toEqual({ maxDrop: 0.005, minAgreement: 0.99, minSqnrDb: 30, maxBytes: 300_000 });
    expect(limitsOf(['size<300KB', 'size<=200KB', 'size<1MB', 'sqnr>=20', 'sqnr>=30', 'sqnr>=25'])).toEqual({
      maxBytes: 200_000,
      minSqnrDb: 30,
    });
    const others = [
      'top1_drop>=0.5%',
      'sqnr[logits]>=30dB',
      'size_change<1%',
      'speedup>=1.5',
      'layer_sqnr>=10dB',
    ];
    expect(limitsOf([...others, { gate: 'size<300KB', level: 'warn' }])).toEqual({});
    expect(limitsOf(undefined)).toEqual({});
  });
});
