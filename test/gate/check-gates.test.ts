import { describe, expect, it } from 'vitest';
import { hasFailed } from '../../src/gate/check-gates.js';
import type { GateSpec } from '../../src/options.js';
import { checkGates } from '../../src/report/judge.js';
import type { Result } from '../../src/report/result.js';
import { sampleResult } from '../support/result.js';

const result = sampleResult();
const [logits] = result.outputs;
if (!logits) throw new Error('no output');

function check(gate: GateSpec, measured: Result = result, baseline?: Result) {
  const [outcome] = checkGates(measured, [gate], baseline);
  if (!outcome) throw new Error('no outcome');
  return outcome;
}

/** The same result with other numbers in the drift of its output. */
const drifted = (changes: Partial<typeof logits.deployed>) =>
  sampleResult({ outputs: [{ ...logits, deployed: { ...logits.deployed, ...changes } }] });

describe('gates on the sample result', () => {
  it.each([
    // 0.9162 − 0.9014 = 1.48 points.
    ['top1_drop<1.48%', false, '1.48 %'],
    ['top1_drop<=1.48%', true, '1.48 %'],
    ['top1_drop<1.5%', true, '1.48 %'],
    ['top1>90.1%', true, '90.14 %'],
    ['top1>90.15%', false, '90.14 %'],
    ['agreement>99%', true, '99.18 %'],
    ['agreement[logits]>=99.2%', false, '99.18 %'],
    ['sqnr[logits]>=30dB', true, '30.4 dB'],
    ['sqnr>=30.5', false, '30.4 dB'],
    // Nothing can saturate: the same everywhere.
    ['portable_sqnr>=30dB', true, '30.4 dB'],
    ['portable_top1_drop<1.4%', false, '1.48 %'],
    ['cosine>0.9995', true, '0.9996'],
    ['max_abs<1.4', false, '1.432'],
    // 10^(−30.44 / 20) = 0.030061.
    ['relative_l2<3%', false, '3.01 %'],
    ['relative_l2<3.01%', true, '3.006 %'],
    ['size<=176KB', true, '176 kB'],
    ['size<176KB', false, '176 kB'],
    ['size<=175.9KB', false, '176.0 kB'],
    // 176,000 / 1,116,434 = 0.15764.
    ['size_ratio<0.157', false, '0.158×'],
    ['size_ratio<0.15', false, '0.16×'],
    ['speedup>=2', true, '2.19×'],
    ['speedup>=2.2', false, '2.19×'],
    ['top5_drop<0.1%', true, '0.08 %'],
    ['top5>=99.7%', false, '99.60 %'],
    ['top5_agreement>=99.99%', false, '99.98 %'],
    ['rank_correlation>=0.999', false, '0.9987'],
    ['least_cosine[logits]>=0.97', true, '0.9713'],
    // The worst layer, by name.
    ['layer_sqnr>=10', true, '12.3 dB at conv2_out'],
    ['layer_sqnr[conv2_out]>=13', false, '12.3 dB'],
    ['layer_sqnr[conv*]>=13', false, '12.3 dB at conv2_out'],
    // Nothing differs there: its SQNR has no bound.
    ['layer_sqnr[fc_out]>=1000', true, 'identical'],
  ])('%s: %s, %s', (gate, passed, shown) => {
    expect(check(gate)).toMatchObject({ gate, level: 'error', passed, reason: null });
    // What is shown has the digits that tell it from the limit.
    expect(check(gate).shown).toBe(shown);
  });

  it('shows digits enough that a value does not look like the limit that it misses', () => {
    expect(check('size_ratio<0.157').shown).toBe('0.158×');
    expect(check('size<=175999B').shown).toBe('176.000 kB');
  });

  it('keeps the value in its own unit', () => {
    expect(check('size<1MB').value).toBe(176_000);
    expect(check('top1>1%').value).toBe(0.9014);
    expect(check('sqnr>1').value).toBe(30.44);
    expect(check('layer_sqnr[fc_out]>=1').value).toBeNull();
  });

  it('takes a difference of shares for what it is, not for its last binary digit', () => {
    // 0.995 − 0.99 is 0.0050000000000000044.
    const task = result.task && { ...result.task, samples: 1000, float: 0.995, quantized: 0.99 };
    expect(check('top1_drop<=0.5%', sampleResult({ task })).passed).toBe(true);
    expect(check('top1_drop<0.5%', sampleResult({ task })).passed).toBe(false);
  });

  it('takes the worst of several outputs, and names it', () => {
    const other = {
      ...logits,
      name: 'boxes',
      deployed: { ...logits.deployed, sqnrDb: 12, topOneAgreement: null },
    };
    const two = sampleResult({ outputs: [logits, other] });
    expect(check('sqnr>=20', two)).toMatchObject({ passed: false, value: 12, shown: '12.0 dB at boxes' });
    expect(check('sqnr[logits]>=20', two)).toMatchObject({ passed: true, shown: '30.4 dB' });
    // An output without class scores is no obstacle where another has some.
    expect(check('agreement>99%', two)).toMatchObject({ passed: true, value: 0.9918 });
    expect(check('agreement[boxes]>99%', two)).toMatchObject({ passed: false, value: null });
  });
});

describe('what cannot be computed fails, with the reason', () => {
  it.each<[string, Result, RegExp]>([
    ['top1_drop<50%', sampleResult({ task: null }), /no labels; give them with --labels/],
    ['top1>0%', sampleResult({ task: null }), /no labels/],
    ['sqnr[scores]>=1', result, /no such output, only "logits"/],
    ['layer_sqnr[conv9]>=1', result, /no layer has this name/],
    ['layer_sqnr>=1', sampleResult({ layers: [] }), /no layer was compared/],
    ['layer_sqnr[conv1_out]>=1', sampleResult({ layers: [] }), /was not measured/],
    ['agreement>=0', drifted({ topOneAgreement: null }), /no output holds class scores/],
    ['user.f1>0', result, /no metric of your own was given/],
    ['user.f1>0', sampleResult({ metrics: [{ name: 'map', float: 1, quantized: 1 }] }), /only "map"/],
    ['user.f1>0', sampleResult({ metrics: [{ name: 'f1', float: 1, quantized: null }] }), /no finite number/],
    ['size_change<1%', result, /no baseline; give one with --baseline/],
    // A model that answers with NaN must not pass for want of finite elements to compare.
    ['sqnr>=1', drifted({ sqnrDb: null, nonFiniteMismatches: 10 }), /10 elements are not finite/],
    ['max_abs<1', drifted({ maxAbsError: 0, nonFiniteMismatches: 10 }), /not finite/],
    ['agreement>0%', drifted({ shapeMismatches: 3 }), /shapes differ on 3 of 5000 samples/],
    ['cosine>0', drifted({ cosine: null }), /all zero/],
    ['sqnr>=1', sampleResult({ outputs: [] }), /there is no output/],
  ])('%s', (gate, measured, reason) => {
    const outcome = check(gate, measured);
    expect(outcome).toMatchObject({ passed: false, value: null, shown: 'not measured' });
    expect(outcome.reason).toMatch(reason);
  });

  it('also where one of several outputs could not be compared', () => {
    const broken = { ...logits, name: 'b', deployed: { ...logits.deployed, nonFiniteMismatches: 1 } };
    const outcome = check('sqnr>=1', sampleResult({ outputs: [logits, broken] }));
    expect(outcome).toMatchObject({
      passed: false,
      reason: '1 elements are not finite in one of the two models ("b")',
    });
  });
});

describe("a user's own metrics", () => {
  const measured = sampleResult({ metrics: [{ name: 'f1', float: 0.9, quantized: 0.8 }] });
  it('are the quantized value, and with _drop what it lost', () => {
    expect(check('user.f1>0.75', measured)).toMatchObject({ passed: true, value: 0.8 });
    expect(check('user.f1_drop<=10%', measured).passed).toBe(true);
    expect(check('user.f1_drop<9.9%', measured).passed).toBe(false);
  });
  it('are what they are called first', () => {
    const own = sampleResult({ metrics: [...measured.metrics, { name: 'f1_drop', float: 0, quantized: 5 }] });
    expect(check('user.f1_drop>4', own).passed).toBe(true);
  });
});

describe('changes against a baseline', () => {
  const before = drifted({ sqnrDb: 31.44 });
  it.each([
    ['sqnr_change>=-1dB', true, '−1.0 dB (31.4 dB → 30.4 dB)'],
    ['sqnr_change>-0.9dB', false, '−1.0 dB (31.4 dB → 30.4 dB)'],
    ['sqnr_change[logits]>=-1dB', true, '−1.0 dB (31.4 dB → 30.4 dB)'],
    ['size_change<=0', true, '+0 B (176 kB → 176 kB)'],
    ['top1_change>=-0.1%', true, '+0.00 points (90.14 % → 90.14 %)'],
  ])('%s', (gate, passed, shown) => {
    expect(check(gate, result, before)).toMatchObject({ passed, shown, reason: null });
  });

  it('are shares of the value before, where the limit is', () => {
    const smaller = sampleResult({ quantized: { ...result.quantized, sizeBytes: 160_000 } });
    // 176,000 / 160,000 − 1 = 10 %.
    expect(check('size_change<=10%', result, smaller)).toMatchObject({
      passed: true,
      shown: '+10.00 % (160 kB → 176 kB)',
    });
    expect(check('size_change<9.99%', result, smaller).passed).toBe(false);
  });

  it('are none between two that both do not differ from float', () => {
    const same = drifted({ sqnrDb: null });
    expect(check('sqnr_change>=0', same, same)).toMatchObject({ passed: true, value: 0 });
    expect(check('sqnr_change>=0', result, same)).toMatchObject({ passed: false, value: null });
    expect(check('sqnr_change>=0', same, result)).toMatchObject({ passed: true });
  });

  it('fail where the baseline lacks the metric', () => {
    expect(check('top1_change>=-1%', result, sampleResult({ task: null }))).toMatchObject({
      passed: false,
      reason: 'not in the baseline: there are no labels; give them with --labels',
    });
  });
});

it('a run fails by an error gate alone', () => {
  const failing = 'size<1KB';
  expect(hasFailed(checkGates(result, [{ gate: failing, level: 'warn' }, 'sqnr>1']))).toBe(false);
  expect(hasFailed(checkGates(result, [failing]))).toBe(true);
  expect(hasFailed([])).toBe(false);
});

describe('gates on what x86 without VNNI gives', () => {
  const there = { ...logits, deployed: { ...logits.deployed, sqnrDb: 17.2 } };
  const { task } = result;
  if (!task) throw new Error('no task');
  const portable = {
    ...{ layers: 19, pairs: 2718, samples: 5000 },
    outputs: [{ name: 'logits', drift: there.deployed }],
    task: { ...task, quantized: 0.8862 },
  };

  it.each([
    ['portable_sqnr>=17.5dB', false, '17.2 dB'],
    ['portable_sqnr[logits]>=17dB', true, '17.2 dB'],
    // 0.9162 − 0.8862 = 3 points, where this machine loses 1.48.
    ['portable_top1_drop<2.9%', false, '3.00 %'],
    ['sqnr>=30dB', true, '30.4 dB'],
  ])('%s: %s, %s', (gate, passed, shown) => {
    expect(check(gate, sampleResult({ portable }))).toMatchObject({ passed, shown });
  });

  it('without labels, no accuracy', () => {
    const measured = sampleResult({ portable: { ...portable, task: null } });
    expect(check('portable_top1_drop<5%', measured).reason).toContain('there are no labels');
  });
});
