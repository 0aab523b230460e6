import { expect, test } from 'vitest';
import { searchOutcome } from '../../src/report/search-terminal.js';
import { searchWarnings } from '../../src/report/search-warnings.js';
import { sampleResult } from '../support/result.js';
import { searchRecord as search } from '../support/search-record.js';

test('a search shows what it chose, the limits on samples that it did not see, and how to repeat it', () => {
  expect(searchOutcome(sampleResult({ search }))).toEqual([
    'chosen by measuring: 2 models tried on 2,500 samples of test.npy',
    '  4 bits kmeans for 2 layers',
    '  8 bits mse for 1 layer',
    '  top-1 drop 0.16 %, at most 0.50 %',
    '  177 kB, at most 200 kB',
    '  on 2,499 samples, which the search did not see',
    '  again without the search: --recipe net.minmax-w4a8.recipe.json, or',
    '    --scheme kmeans',
    '    --bits 4',
    "    --rule 'a:bits=8,scheme=mse'",
  ]);
  expect(searchOutcome(sampleResult())).toEqual([]);
});

test('a drop that is not one of accuracy is not called so', () => {
  const limits = { maxDrop: 0.005, minSqnrDb: 30, maxBytes: null };
  const lines = searchOutcome(sampleResult({ search: { ...search, limits, measure: 'agreement' } }));
  expect(lines[3]).toBe('  other top-1 0.16 %, at most 0.50 %');
  expect(lines[4]).toBe('  SQNR 19.5 dB, at least 30.0 dB');
  const none = { ...search, limits, measure: null, verified: { ...search.verified, drop: null } };
  expect(searchOutcome(sampleResult({ search: none }))[3]).toContain('not measured');
});

test('it warns of a limit that was missed, and of samples that were seen', () => {
  expect(searchWarnings(search)).toEqual([]);
  expect(searchWarnings(undefined)).toEqual([]);
  expect(searchWarnings({ ...search, met: false })).toEqual([
    expect.stringContaining('no recipe that keeps'),
  ]);
  const missed = { ...search, verified: { ...search.verified, met: false } };
  expect(searchWarnings(missed)).toEqual([
    expect.stringContaining('misses one on those that it did not see'),
  ]);
  expect(searchWarnings({ ...search, isApart: false })).toEqual([expect.stringContaining('too few samples')]);
});
