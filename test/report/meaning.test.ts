import { expect, test } from 'vitest';
import { qualityOf } from '../../src/report/facts.js';
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
  const same = { ...topOneDrop, lost: 0, gained: 0 };
  expect(meaningOf(sampleResult({ task: { ...task, quantized: task.float, topOneDrop: same } }))[1]).toBe(
    'The same are right as in float.',
  );
});

test('without labels the agreement bounds the accuracy', () => {
  expect(meaningOf(withOutput({ topOneAgreement: 0.9918 }))[1]).toBe(
    'Whatever the right classes are, the accuracy on them differs by 0.82 points at most.',
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

const drifted = (sqnrDb: number | null) => {
  const { outputs } = withOutput({ topOneAgreement: null, sqnrDb });
  return outputs;
};

test('what a task says comes first, and the error is then not judged by itself', () => {
  const numbers = { f1: 0.82, precision: 0.9, recall: 0.75, mean_iou: 0.9 };
  const metrics = [
    ...Object.entries(numbers).map(([name, quantized]) => ({ name, float: 1, quantized })),
    { name: 'boxes', float: 12, quantized: 10 },
  ];
  const result = sampleResult({ task: null, outputs: drifted(46), metric: 'detection', metrics });
  expect(meaningOf(result)).toEqual([
    "The float model finds 12 objects, the quantized one 10: 75 % of float's are found again, and 90 % of what is found is float's.",
    "The error of the worst output is 0.50 % of the output's size, on 5,000 evaluation samples.",
  ]);
  expect(qualityOf(result)).toBe('f1 0.82 (float 1), SQNR 46.0 dB');
  const own = sampleResult({
    ...{ task: null, outputs: drifted(46), metric: 'iou.mjs' },
    metrics: [{ name: 'iou', float: 0.7, quantized: 0.6 }],
  });
  expect(meaningOf(own)[0]).toBe('iou is 0.6, in float 0.7.');
  expect(meaningOf(own).join(' ')).not.toContain('hardly');
});

test.each([
  ['segmentation', { agreement: 0.982, worst_iou: 0.71 }, '98.2 % of all places keep'],
  [
    'embedding',
    { mean_cosine: 0.9931, least_cosine: 0.97, same_nearest: 0.925 },
    'of 92.5 % of the samples the nearest',
  ],
  ['embedding', { mean_cosine: 0.9931, least_cosine: 0.97 }, 'the least 0.9700.'],
  ['ocr', { same_texts: 0.94, character_error: 0.012 }, '94 % of the texts are read as by float; 1.2 % of'],
  [
    'rare-event',
    { hit_rate: 0.95, false_alarm_rate: 0.002 },
    'Of the events 95 %, in float 90 % are told; of all else 0.2 %',
  ],
  ['rare-event', {}, 'There is no event'],
  [
    'perplexity',
    { perplexity: 12.42, same_next: 0.953 },
    'a perplexity of 12.42, in float 0.9000 (less is better)',
  ],
] as const)('%s in words', (metric, numbers, words) => {
  const metrics = Object.entries(numbers).map(([name, quantized]) => ({ name, float: 0.9, quantized }));
  expect(meaningOf(sampleResult({ task: null, outputs: drifted(30), metric, metrics }))[0]).toContain(words);
});

test('outputs that do not differ, and one that could not be compared', () => {
  expect(meaningOf(sampleResult({ task: null, outputs: drifted(null) }))).toEqual([
    'The outputs are those of float, on 5,000 evaluation samples.',
  ]);
  const broken = withOutput({ topOneAgreement: null, sqnrDb: null, nonFiniteMismatches: 3 });
  expect(meaningOf(broken)[0]).toMatch(/^An output could not be compared/);
});

test('random input bounds nothing', () => {
  const evaluation = { ...sampleResult().evaluation, samples: 16, kind: 'synthetic' as const };
  const said = meaningOf({ ...withOutput({ topOneAgreement: 1 }), evaluation });
  expect(said).toEqual([
    'Both models name the same class on 100.00 % of 16 random inputs.',
    'Random input says little of real samples: give some to know.',
  ]);
  expect(meaningOf({ ...withOutput({ topOneAgreement: null, sqnrDb: 46 }), evaluation }).at(-1)).toMatch(
    /^Random input/,
  );
});

test('as many right as in float may be others', () => {
  const topOneDrop = { lost: 3, gained: 3, drop: 0, low: -0.001, high: 0.001, isSignificant: false };
  const [, said] = meaningOf(sampleResult({ task: { ...task, quantized: task.float, topOneDrop } }));
  expect(said).toBe('As many are right as in float: 3 lost, 3 gained.');
});

test('an output that labels do not judge is spoken of, too', () => {
  const [logits] = sampleResult().outputs;
  if (!logits) throw new Error('the sample has an output');
  const other = {
    ...logits,
    name: 'boxes',
    deployed: { ...logits.deployed, sqnrDb: 6, topOneAgreement: null },
  };
  expect(meaningOf(sampleResult({ outputs: [logits, other] })).at(-1)).toBe(
    "The error of the worst output is 50 % of the output's size, on 5,000 evaluation samples.",
  );
});
