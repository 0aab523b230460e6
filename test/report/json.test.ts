import { expect, test } from 'vitest';
import { json } from '../../src/report/json.js';
import { sampleResult } from '../support/result.js';

/** Every path of a record, arrays by their first element: the record's shape without its values. */
function paths(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [`${prefix}[]`] : paths(value[0], `${prefix}[]`);
  if (value === null || typeof value !== 'object') return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, prefix ? `${prefix}.${key}` : key));
}

test('the record survives the way through text', () => {
  expect(JSON.parse(json.render(sampleResult()))).toEqual(sampleResult());
});

test('the shape of version 1 stands', () => {
  expect(paths(sampleResult())).toMatchSnapshot();
});

test('times stand in one place', () => {
  const timed = paths(sampleResult()).filter((path) => /Ms$|elapsed/.test(path));
  expect(timed.every((path) => path.startsWith('timing.'))).toBe(true);
});
