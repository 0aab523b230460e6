import { expect, test } from 'vitest';
import { InformationMeter } from '../../src/init/evidence.js';

const rows = (dims: number[], ...data: number[]) => ({ dims, data });

test('rows that are sure of different classes tell log 2, rows that are sure of one nothing', () => {
  const told = new InformationMeter();
  told.add(rows([2, 2], 1, 0, 0, 1), 'rows');
  expect(told.information).toBeCloseTo(Math.log(2), 12);
  const one = new InformationMeter();
  one.add(rows([2, 2], 1, 0, 1, 0), -1);
  expect(one.information).toBeCloseTo(0, 12);
  const unsure = new InformationMeter();
  unsure.add(rows([2, 2], 0.5, 0.5, 0.5, 0.5), -1);
  expect(unsure.information).toBeCloseTo(0, 12);
});

test('logits go through a Softmax, classes run along any axis', () => {
  // Columns (0, log 3) and (log 3, 0): p is ¼ and ¾ in turn, its mean ½.
  const meter = new InformationMeter();
  meter.add(rows([1, 2, 2], 0, Math.log(3), Math.log(3), 0), 1);
  const entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75));
  expect(meter.information).toBeCloseTo(Math.log(2) - entropy, 12);
});

test('scores that are not finite tell nothing', () => {
  const meter = new InformationMeter();
  meter.add(rows([1, 2], Number.NaN, 1), 'rows');
  expect(meter.information).toBeUndefined();
});
