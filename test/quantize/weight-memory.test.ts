import { expect, test } from 'vitest';
import { floatTensor } from '../../src/graph/tensor.js';
import type { StoredTensor } from '../../src/quantize/plan.js';
import { minmax } from '../../src/quantize/schemes/minmax.js';
import { WeightMemory } from '../../src/quantize/weight-memory.js';
import { weightRequest } from '../support/weight-request.js';

const weight = floatTensor('float32', [2], [1, -2]);
const made = (): StoredTensor => minmax.quantize(weightRequest([1, -2]));

/** Which of the forms that are asked for in turn are made. */
function makes(asked: string, memory = new WeightMemory()): string {
  let found = '';
  for (const how of asked)
    memory.recall(weight, how, () => {
      found += how;
      return made();
    });
  return found;
}

test('a form is made once, whatever comes between', () => {
  expect(makes('aaba')).toBe('ab');
  const memory = new WeightMemory();
  const first = memory.recall(weight, 'a', made);
  expect(memory.recall(weight, 'a', made)).toBe(first);
});

test('three forms are kept, those that were asked for last', () => {
  expect(makes('abcabc')).toBe('abc');
  expect(makes('abcada')).toBe('abcd');
  expect(makes('abcdb')).toBe('abcd');
  expect(makes('abcda')).toBe('abcda');
});

test('each weight has forms of its own', () => {
  const memory = new WeightMemory();
  const first = memory.recall(weight, 'a', made);
  const other = floatTensor('float32', [2], [1, -2]);
  expect(memory.recall(other, 'a', made)).not.toBe(first);
});
