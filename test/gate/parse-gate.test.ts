import { describe, expect, it } from 'vitest';
import { QuantizeError } from '../../src/errors.js';
import { metrics } from '../../src/gate/metrics.js';
import { isSameLimit, parseGate } from '../../src/gate/parse-gate.js';
import type { GateSpec } from '../../src/options.js';

/** What a gate is read as. */
function read(spec: GateSpec) {
  const { metric, target, isChange, isRelative, comparison, limit, level } = parseGate(spec);
  return { metric: metric.name, target, isChange, isRelative, comparison, limit, level };
}

const plain = { target: undefined, isChange: false, isRelative: false, level: 'error' };

describe('a gate', () => {
  it.each([
    ['top1_drop<0.5%', 'top1_drop', '<', 0.005],
    // 0.7 / 100 is 0.006999999999999999 in binary; the limit is the double nearest to 0.007.
    ['top1_drop<=0.7%', 'top1_drop', '<=', 0.007],
    ['top1_drop<=0', 'top1_drop', '<=', 0],
    ['top1_drop<-1e-1%', 'top1_drop', '<', -0.001],
    [' agreement > 99.9 % ', 'agreement', '>', 0.999],
    ['sqnr>=30', 'sqnr', '>=', 30],
    ['sqnr>=30dB', 'sqnr', '>=', 30],
    ['sqnr>=.5 db', 'sqnr', '>=', 0.5],
    ['size<300KB', 'size', '<', 300_000],
    ['size<300kB', 'size', '<', 300_000],
    ['size<300KiB', 'size', '<', 307_200],
    ['size<1.5MB', 'size', '<', 1_500_000],
    ['size<2MiB', 'size', '<', 2_097_152],
    ['size<4097B', 'size', '<', 4097],
    ['size_ratio<0.2', 'size_ratio', '<', 0.2],
    ['size_ratio<20%', 'size_ratio', '<', 0.2],
    ['speedup>=1.5', 'speedup', '>=', 1.5],
    ['speedup>=1.5x', 'speedup', '>=', 1.5],
    ['cosine>0.999', 'cosine', '>', 0.999],
    ['max_abs<1e-3', 'max_abs', '<', 0.001],
    ['relative_l2<1%', 'relative_l2', '<', 0.01],
    ['user.map>=75%', 'user.map', '>=', 0.75],
    ['user.word error rate<0.1', 'user.word error rate', '<', 0.1],
  ])('%s', (text, metric, comparison, limit) => {
    expect(read(text)).toEqual({ ...plain, metric, comparison, limit });
  });

  it('names an output or a layer in brackets, whatever its name is', () => {
    expect(read('sqnr[logits]>=30dB')).toMatchObject({ metric: 'sqnr', target: 'logits' });
    expect(read('layer_sqnr[/a/b[0]<=x]>=10')).toMatchObject({
      target: '/a/b[0]<=x',
      comparison: '>=',
      limit: 10,
    });
    expect(read('layer_sqnr[Identity:0]>1')).toMatchObject({ target: 'Identity:0' });
  });

  it('limits a change: of shares in points, of dB in dB, of the others as a share of the value before where it says %', () => {
    expect(read('top1_change>=-0.1%')).toMatchObject({
      metric: 'top1',
      isChange: true,
      isRelative: false,
      limit: -0.001,
    });
    expect(read('top1_change>=−0.1%')).toMatchObject({ limit: -0.001 });
    expect(read('sqnr[a]_change>-1dB'.replace('[a]_change', '_change[a]'))).toMatchObject({
      target: 'a',
      limit: -1,
    });
    expect(read('size_change<5%')).toMatchObject({ isRelative: true, limit: 0.05 });
    expect(read('size_change<=1KB')).toMatchObject({ isRelative: false, limit: 1000 });
    expect(read('user.f1_change>-1%')).toMatchObject({ metric: 'user.f1', isRelative: true, limit: -0.01 });
  });

  it('has a level', () => {
    expect(read({ gate: 'sqnr>1', level: 'warn' }).level).toBe('warn');
    expect(read({ gate: 'sqnr>1' }).level).toBe('error');
  });

  it('reads its own example for every metric', () => {
    for (const { name, unit } of metrics) expect(read(`${name}<${unit.example}`).metric).toBe(name);
  });

  it.each([
    ['sqnr', 'compares nothing with a limit', /Write metric\[output\]@set<limit/],
    ['', 'compares nothing with a limit', /top1_drop<0\.5%/],
    ['<3', 'names no metric', /Write metric/],
    ['sqnr=30', 'compares with "="', /one of < <= > >=/],
    ['sqnr==30', 'compares with "=="', /one of < <= > >=/],
    ['sqnr!=30', 'compares with "!="', /one of < <= > >=/],
    ['sqnr=>30', 'compares with "=>"', /one of < <= > >=/],
    ['sqnr>=', 'has no limit', /Write sqnr>=30dB\./],
    ['sqnr[a]>=abc', 'has the limit "abc", which is no number', /Write sqnr\[a\]>=30dB\./],
    ['sqnr>=30%', 'has its limit in "%", but sqnr is in dB', /Write sqnr>=30dB\./],
    ['size<30%', 'has its limit in "%", but size is in B, KB', /Write size<300KB\./],
    ['sqnr_change>=-5%', 'has its limit in "%", but sqnr is in dB', /dB/],
    ['agreement>99', 'has the limit "99" without a unit', /Write agreement>99%\./],
    ['cosine>1,5', 'has its limit in ",5"', /Write cosine>0\.99\./],
    ['size[logits]<3KB', 'names "logits" in brackets, but size is one number', /Write size<3KB\./],
    ['sqnr[]>3', 'has nothing in its brackets', /the name of one output/],
    ['top_1drop<0.5%', 'names "top_1drop", which is no metric', /Did you mean top1_drop\?/],
    ['snqr>=30', 'names "snqr", which is no metric', /Did you mean sqnr\?/],
    ['latency<5', 'names "latency", which is no metric', /^Choose one of top1_drop, .*, or user\.<name>\.$/],
    ['speed_change>1', 'names "speed_change", which is no metric', /Did you mean size_change\?|Choose one/],
    ['user.>1', 'names "user.", which is no metric', /user\.<name>/],
    ['toString<1', 'names "toString", which is no metric', /Choose one/],
  ])('refuses %j', (text, problem, hint) => {
    let thrown: unknown;
    try {
      parseGate(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(QuantizeError);
    const { code, message, hint: mend } = thrown as QuantizeError;
    expect(code).toBe('bad-gate');
    expect(message).toContain(`The gate "${text}" ${problem}`);
    expect(mend).toMatch(hint);
  });
});

describe('isSameLimit', () => {
  it('is true of one metric, target and side alone', () => {
    const same = (a: string, b: string) => isSameLimit(parseGate(a), parseGate(b));
    expect(same('size<3KB', 'size<=4MB')).toBe(true);
    expect(same('size<3KB', 'size>4MB')).toBe(false);
    expect(same('size<3KB', 'size_change<4MB')).toBe(false);
    expect(same('sqnr[a]>3', 'sqnr[b]>3')).toBe(false);
    expect(same('sqnr[a]>3', 'sqnr>3')).toBe(false);
  });
});

it('takes no longer than the text is long', () => {
  const started = performance.now();
  for (const text of [
    `${' '.repeat(200_000)}x`,
    '['.repeat(200_000),
    `${']<'.repeat(100_000)} `,
    '<'.repeat(200_000),
  ])
    expect(() => parseGate(text)).toThrow();
  expect(performance.now() - started).toBeLessThan(5000);
  expect(parseGate(`sqnr[${' '.repeat(200_000)}] >= 1dB`).limit).toBe(1);
});
