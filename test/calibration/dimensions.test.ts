import { describe, expect, it } from 'vitest';
import { parseDimension } from '../../calibration/dimensions.js';

const values = new Map([
  ['past', 3],
  ['seq', 4],
  ['batch', 2],
]);

describe('parseDimension', () => {
  it.each([
    ['past + seq', 7],
    ['past+seq', 7],
    ['2*batch', 4],
    ['batch * seq + 1', 9],
    ['(past + 5)//4', 2],
    ['floor(past/2) + 1', 2],
    ['Max(1, seq - 4)', 1],
    ['past - -1', 4],
  ])('computes %s', (text, value) => {
    expect(parseDimension(text)?.value(values)).toBe(value);
  });

  it.each(['batch', 'seq-len', 'past_sequence_length', 'encoder/seq', '(past', 'past +', 'a + ?'])(
    'takes %s for a name',
    (text) => {
      expect(parseDimension(text)).toBeUndefined();
    },
  );

  it('tells the names, and has no value without them', () => {
    const sum = parseDimension('past + other');
    expect(sum?.names).toEqual(['past', 'other']);
    expect(sum?.value(values)).toBeUndefined();
  });
});
