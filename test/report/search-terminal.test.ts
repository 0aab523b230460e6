import { expect, test } from 'vitest';
import { searchOutcome } from '../../src/report/search-terminal.js';
import { searchWarnings } from '../../src/report/search-warnings.js';
import { sampleResult } from '../support/result.js';
import { searchRecord as search } from '../support/search-record.js';

test('a search shows what it chose, on what that was measured, and how to repeat it', () => {
  expect(searchOutcome(sampleResult({ search }))).toEqual([
    'chosen by measuring: 2 models tried on 2,500 samples of test.npy',
    '  4 bits kmeans for 2 layers',
    '  8 bits mse for 1 layer',
    '  measured above on 5,000 samples, which the search did not see',
    '  again without the search: --recipe net.minmax-w4a8.recipe.json, or',
    '    --scheme kmeans',
    '    --bits 4',
    "    --rule 'a:bits=8,scheme=mse'",
  ]);
  expect(searchOutcome(sampleResult())).toEqual([]);
});

test('it warns of a limit that was missed, and of samples that were seen', () => {
  expect(searchWarnings(search)).toEqual([]);
  expect(searchWarnings(undefined)).toEqual([]);
  expect(searchWarnings({ ...search, met: false })).toEqual([
    expect.stringContaining('no recipe that keeps'),
  ]);
  expect(searchWarnings({ ...search, isApart: false })).toEqual([expect.stringContaining('too few samples')]);
});
