import { expect, test } from 'vitest';
import { meaningOf } from '../../src/report/meaning.js';
import type { Result } from '../../src/report/result.js';
import { sampleResult } from '../support/result.js';

const task = sampleResult().task as NonNullable<Result['task']>;
const withOutput = (change: object) => {
  const [output] = sampleResult().outputs;
  if (!output) throw new Error('the sample has an output');
  return sampleResult({
    task: null,
    outputs: [{ ...output, deployed: { ...output.deployed, ...change } }],
  });
};

test('with labels it counts answers, and says how sure the loss is', () => {
  // 0.9162 and 0.9014 of 5,000; the interval of the loss is 0.984 to 2.006 %.
  expect(meaningOf(sampleResult())).toEqual([
    'Of 5,000 answers, 4,507 are right; in float 4,581 are.',
    '74 answers are lost. On other samples like these expect 10 to 20 of 1,000 to be lost (95 % confidence).',
  ]);
  const topOneDrop = { lost: 1, gained: 0, drop: 0.0002, low: -0.001, high: 0.001, isSignificant: false };
  const chance = meaningOf(sampleResult({ task: { ...task, quantized: 0.916, topOneDrop } }));
  expect(chance[1]).toBe('1 answer is lost. So few differ that chance alone could do it: no loss is shown.');
  expect(meaningOf(sampleResult({ task: { ...task, quantized: task.float } }))[1]).toBe(
    'As many are right as in float.',
  );
});

test('without labels the agreement bounds the accuracy', () => {
  expect(meaningOf(withOutput({ topOneAgreement: 0.9918 }))[1]).toBe(
    'Whatever the right classes are, the accuracy on them differs by 0.82 % at most.',
  );
});

test.each([
  [46, '0.50 %', 'hardly'],
  [26.02, '5.0 %', 'moderate'],
  [0, 'as large as the output itself', 'another one'],
] as const)('%d dB is an error of %s', (sqnrDb, size, grade) => {
  const [text = ''] = meaningOf(withOutput({ topOneAgreement: null, sqnrDb }));
  expect(text).toContain(size);
  expect(text).toContain(grade);
});

test('nothing measured is said', () => {
  expect(meaningOf(sampleResult({ task: null, outputs: [] }))[0]).toMatch(/^Nothing was measured/);
});
