import { expect, it } from 'vitest';
import { countAtMost } from '../../src/numerics/sorted.js';

it('counts the numbers at most x, equal ones too', () => {
  const ascending = [-2, 0, 0, 1.5];
  const counts = [-3, -2, -1, 0, 1, 1.5, 9].map((x) => countAtMost(ascending, x));
  expect(counts).toEqual([0, 1, 1, 3, 3, 4, 4]);
  expect(countAtMost([], 0)).toBe(0);
});
