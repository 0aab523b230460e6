import { expect, it } from 'vitest';
import { compareBaseline } from '../../src/gate/compare-baseline.js';
import { sampleResult } from '../support/result.js';

const result = sampleResult();
const [logits] = result.outputs;
if (!logits) throw new Error('no output');

it('shows the main metrics, before and after', () => {
  const before = sampleResult({
    task: result.task && { ...result.task, quantized: 0.9026 },
    quantized: { ...result.quantized, sizeBytes: 180_000 },
    outputs: [{ ...logits, deployed: { ...logits.deployed, sqnrDb: 29.24, topOneAgreement: 0.9918 } }],
  });
  expect(compareBaseline(result, before)).toEqual([
    { metric: 'top1', before: 0.9026, after: 0.9014, shown: '−0.12 points' },
    { metric: 'agreement', before: 0.9918, after: 0.9918, shown: '+0.00 points' },
    { metric: 'sqnr', before: 29.24, after: 30.44, shown: '+1.2 dB' },
    { metric: 'size', before: 180_000, after: 176_000, shown: '−4.00 kB' },
    { metric: 'speedup', before: 2.19, after: 2.19, shown: '+0.00×' },
  ]);
});

it('names each of several outputs, and leaves out what neither has', () => {
  const two = sampleResult({
    outputs: [logits, { ...logits, name: 'boxes', deployed: { ...logits.deployed, topOneAgreement: null } }],
    task: null,
  });
  expect(compareBaseline(two, two).map(({ metric }) => metric)).toEqual([
    'agreement[logits]',
    'sqnr[logits]',
    'sqnr[boxes]',
    'size',
    'speedup',
  ]);
});

it('says what only one of the two has, and what is infinite', () => {
  const exact = sampleResult({
    outputs: [{ ...logits, deployed: { ...logits.deployed, sqnrDb: null } }],
    metrics: [{ name: 'f1', float: 1, quantized: 0.5 }],
  });
  const changes = compareBaseline(exact, result);
  expect(changes.find(({ metric }) => metric === 'sqnr')).toEqual({
    metric: 'sqnr',
    before: 30.44,
    after: null,
    shown: '+∞',
  });
  expect(changes.find(({ metric }) => metric === 'user.f1')).toMatchObject({ before: null, after: 0.5 });
  expect(compareBaseline(result, exact).find(({ metric }) => metric === 'user.f1')).toMatchObject({
    before: 0.5,
    after: null,
    shown: expect.stringMatching(/^not measured: /),
  });
});
