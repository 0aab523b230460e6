import { expect, it } from 'vitest';
import { nearestName } from '../../src/validate/nearest-name.js';

const names = ['evalData', 'data', 'labels', 'preprocess', 'top1_drop'];

it.each([
  ['evaldata', 'evalData'],
  ['eval-data', 'evalData'],
  ['eval_dta', 'evalData'],
  ['lables', 'labels'],
  ['label', 'labels'],
  ['preproces', 'preprocess'],
  ['top_1_drop', 'top1_drop'],
  ['dat', 'data'],
  ['banana', undefined],
  ['', undefined],
  ['x', undefined],
])('%s: %s', (typed, nearest) => {
  expect(nearestName(typed, names)).toBe(nearest);
});
