import { expect, test } from 'vitest';
import { floatTensor } from '../../src/graph/tensor.js';
import type { StoredTensor } from '../../src/quantize/plan.js';
import { minmax } from '../../src/quantize/schemes/minmax.js';
import { WeightMemory } from '../../src/quantize/weight-memory.js';
import { weightRequest } from '../support/weight-request.js';

const weight = floatTensor('float32', [2], [1, -2]);
const made = async (): Promise<StoredTensor> => minmax.quantize(weightRequest([1, -2]));

/** Which of the forms that are asked for in turn are made. */
async function makes(asked: string, memory = new WeightMemory()): Promise<string> {
  let found = '';
  for (const how of asked)
    await memory.recall(weight, how, () => {
      found += how;
      return made();
    });
  return found;
}

test('a form is made once, whatever comes between', async () => {
  expect(await makes('aaba')).toBe('ab');
  const memory = new WeightMemory();
  const first = await memory.recall(weight, 'a', made);
  expect(await memory.recall(weight, 'a', made)).toBe(first);
});

test('three forms are kept, those that were asked for last', async () => {
  expect(await makes('abcabc')).toBe('abc');
  expect(await makes('abcada')).toBe('abcd');
  expect(await makes('abcdb')).toBe('abcd');
  expect(await makes('abcda')).toBe('abcda');
});

test('each weight has forms of its own', async () => {
  const memory = new WeightMemory();
  const first = await memory.recall(weight, 'a', made);
  const other = floatTensor('float32', [2], [1, -2]);
  expect(await memory.recall(other, 'a', made)).not.toBe(first);
});
