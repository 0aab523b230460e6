import { expect, test } from 'vitest';
import { isUnusable, worstOutput } from '../../src/evaluate/worst-output.js';
import { qualityOf } from '../../src/report/facts.js';
import { sampleResult } from '../support/result.js';

const [output] = sampleResult().outputs;
if (!output) throw new Error('no output');
const at = (name: string, sqnrDb: number | null, more = {}) => ({
  ...output,
  name,
  deployed: { ...output.deployed, sqnrDb, cosine: 0.99, topOneAgreement: null, ...more },
  embedding: null,
});

test('the worst output is the one with most noise; what is not finite or has no shape is worse still', () => {
  const outputs = [at('a', null), at('b', 30), at('c', 20)];
  expect(worstOutput(outputs)?.name).toBe('c');
  expect(worstOutput([...outputs, at('d', 50, { nonFiniteMismatches: 1 })])?.name).toBe('d');
  expect(worstOutput([])).toBeUndefined();
});

test('the verdict is about the worst output, and says so', () => {
  const outputs = [at('boxes', 43), at('masks', 2.4)];
  const result = { ...sampleResult(), outputs, task: null };
  expect(qualityOf(result)).toBe('SQNR 2.4 dB at output "masks", the worst of 2, probably unusable');
  expect(qualityOf({ ...result, outputs: [at('y', 43)] })).toBe('SQNR 43.0 dB');
});

test('below 10 dB, or at a cosine below 0.9, an output is another thing', () => {
  expect([9.9, 10, null].map((db) => isUnusable(at('a', db)))).toEqual([true, false, false]);
  expect(isUnusable(at('a', 20, { cosine: 0.89 }))).toBe(true);
});

test('labels judge the output that they belong to, not its noise', () => {
  const { task } = sampleResult();
  if (!task) throw new Error('no task');
  const result = {
    ...sampleResult(),
    outputs: [at(task.output, 8)],
    task: { ...task, float: 0.9, quantized: 0.88 },
  };
  expect(qualityOf(result)).not.toContain('unusable');
  expect(qualityOf({ ...result, task: { ...result.task, quantized: 0.5 } })).toContain('unusable');
});
