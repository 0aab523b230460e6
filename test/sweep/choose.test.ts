import { describe, expect, it } from 'vitest';
import type { SweepLimits } from '../../src/options.js';
import { chooseBest, frontOf, hasLimits, limitFlags } from '../../src/sweep/choose.js';
import { codeOf } from '../support/random-data.js';
import { sweepResult } from '../support/sweep.js';

const results = [
  sweepResult('w8a8', 300_000, { accuracy: 0.919, sqnrDb: 40 }),
  sweepResult('w4a8', 190_000, { accuracy: 0.917, sqnrDb: 21 }),
  sweepResult('w4a4', 191_000, { accuracy: 0.903, sqnrDb: 13, recipe: { activations: { bits: 4 } } }),
  sweepResult('bad-w4a8', 195_000, { accuracy: 0.9, sqnrDb: 12 }),
  sweepResult('w2a8', 110_000, { accuracy: 0.5, sqnrDb: 3 }),
];

describe('the front', () => {
  it('is what nothing beats in size, width and quality together', () => {
    expect(frontOf(results)).toEqual(['w8a8', 'w4a8', 'w4a4', 'w2a8']);
  });

  it('tells equals in accuracy by their SQNR, and no sizes that a table shows alike', () => {
    const close = [
      sweepResult('a', 190_004, { sqnrDb: 20 }),
      sweepResult('b', 190_001, { sqnrDb: 19 }),
      sweepResult('same', 190_002, { sqnrDb: null }),
    ];
    expect(frontOf(close)).toEqual(['same']);
    expect(frontOf(close.slice(0, 2))).toEqual(['a']);
  });

  it('goes by SQNR without labels', () => {
    const unlabelled = [20, 30, 10].map((sqnrDb, i) =>
      sweepResult(String(i), 100_000, { sqnrDb, labelled: false }),
    );
    expect(frontOf(unlabelled)).toEqual(['1']);
  });
});

describe('the best under limits', () => {
  it.each<[SweepLimits, string | undefined]>([
    // The best quality that fits.
    [{ maxSizeBytes: 300_000 }, 'w8a8'],
    [{ maxSizeBytes: 299_999 }, 'w4a8'],
    [{ maxSizeBytes: 150_000 }, 'w2a8'],
    [{ maxSizeBytes: 100_000 }, undefined],
    // The smallest that is good enough. The float model has 92 %.
    [{ maxDrift: 0.0035 }, 'w4a8'],
    [{ maxDrift: 0.0025 }, 'w8a8'],
    [{ maxDrift: 0.5 }, 'w2a8'],
    [{ minSqnrDb: 21 }, 'w4a8'],
    [{ minSqnrDb: 41 }, undefined],
    [{ maxSizeBytes: 200_000, minSqnrDb: 30 }, undefined],
    [{ maxSizeBytes: 400_000, maxDrift: 0.02, minSqnrDb: 12 }, 'w8a8'],
  ])('%j: %s', (limits, name) => {
    expect(chooseBest(results, limits)?.name).toBe(name);
  });

  it('takes agreement where there are no labels, and refuses a drift of what has no classes', async () => {
    const unlabelled = results.map((result) => ({ ...result, task: null }));
    expect(chooseBest(unlabelled, { maxDrift: 0.09 })?.name).toBe('w4a8');
    const boxes = unlabelled.map((result) => ({
      ...result,
      outputs: result.outputs.map((output) => ({ ...output, topOneAgreement: null })),
    }));
    expect(await codeOf(() => chooseBest(boxes, { maxDrift: 0.1 }))).toBe('bad-option');
    expect(chooseBest(boxes, { minSqnrDb: 30 })?.name).toBe('w8a8');
  });

  it('counts the output that drifts most', () => {
    const [first] = results;
    if (!first) throw new Error('no result');
    const outputs = [...first.outputs, { name: 'boxes', sqnrDb: 15, cosine: 1, topOneAgreement: null }];
    expect(chooseBest([{ ...first, outputs }], { minSqnrDb: 20 })).toBeUndefined();
  });

  it('are written as the flags that say them', () => {
    expect(limitFlags({ maxSizeBytes: 300_000, maxDrift: 0.005, minSqnrDb: 30 })).toBe(
      '--max-size 300000 --max-drift 0.5% --min-sqnr 30',
    );
    expect([hasLimits(undefined), hasLimits({ minSqnrDb: undefined }), hasLimits({ minSqnrDb: 0 })]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
