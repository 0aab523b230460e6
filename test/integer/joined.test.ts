import { expect, test } from 'vitest';
import { joined } from '../../src/integer/kernels/concat.js';

const part = (dims: number[], ...data: number[]) => ({ dims, data: Int8Array.from(data) });

test.each([1, -2])('parts stand one after another along axis %i, row by row', (axis) => {
  const one = part([2, 1, 2], 1, 2, 3, 4);
  const two = part([2, 2, 2], 5, 6, 7, 8, 9, 10, 11, 12);
  const { dims, data } = joined([one, two], axis);
  expect(dims).toEqual([2, 3, 2]);
  expect([...data]).toEqual([1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12]);
});
