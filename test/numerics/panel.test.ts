import { expect, it } from 'vitest';
import { addWeighted, packColumns, timesPanel } from '../../src/numerics/panel.js';

const matrix = Float64Array.of(1, 2, 3, 4, 5, 6);

it('a panel has so many columns of each line, and 0 beyond the matrix', () => {
  const panel = new Float64Array(8).fill(9);
  packColumns(panel, matrix, 3, { first: 1, lines: 2, width: 4 });
  expect([...panel]).toEqual([2, 3, 0, 0, 5, 6, 0, 0]);
});

it('two rows times a panel, by hand, from an element on', () => {
  const panel = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const sums = new Float64Array(8);
  timesPanel(sums, Float64Array.of(1, 10), Float64Array.of(0, 1), panel, 2);
  expect([...sums]).toEqual([51, 62, 73, 84, 5, 6, 7, 8]);
  timesPanel(sums, Float64Array.of(1, 10), Float64Array.of(0, 1), panel, 2, 1);
  expect([...sums]).toEqual([10, 20, 30, 40, 1, 2, 3, 4]);
});

it('the lines chosen, each times its weight', () => {
  const panel = Float64Array.from({ length: 24 }, (_, i) => i);
  const sums = new Float64Array(8);
  addWeighted(sums, panel, Int32Array.of(0, 2), Float64Array.of(1, -2));
  expect([...sums]).toEqual([-32, -33, -34, -35, -36, -37, -38, -39]);
});
