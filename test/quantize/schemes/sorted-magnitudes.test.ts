import { describe, expect, it } from 'vitest';
import { sortMagnitudes } from '../../../src/quantize/schemes/sorted-magnitudes.js';

describe('sortMagnitudes', () => {
  it('joins neighbours where there are too many', () => {
    const sorted = sortMagnitudes(
      Float64Array.from({ length: 1000 }, (_, i) => i),
      100,
    );
    expect(sorted.values).toHaveLength(100);
    expect([...sorted.counts.subarray(0, 3)]).toEqual([0, 10, 20]);
    expect(sorted.importances.at(-1)).toBe((999 * 1000 * 1999) / 6);
  });
});
