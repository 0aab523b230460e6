import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SweepRecord } from '../../src/sweep/record.js';
import { example, runCommand } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'quantize-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const given = [
  '--data',
  example('digits-calib.npy'),
  '--scale',
  '1/16',
  '--samples',
  '32',
  '--refine',
  'none',
];
const axes = ['--schemes', 'minmax,mse', '--bits', '4', '--act-bits', '8,float'];
const sweep = (...args: string[]) => runCommand('sweep', at('digits.onnx'), ...given, ...axes, ...args);
const merge = (...args: string[]) => runCommand('merge', ...args, '-o', at('merged.json'));

const read = (name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as SweepRecord;
const shards = [1, 2, 3].map((index) => at(`digits.sweep.${index}-of-3.json`));

describe('the shards of a sweep', () => {
  beforeAll(async () => {
    copyFileSync(example('digits.onnx'), at('digits.onnx'));
    for (const i of [1, 2, 3]) expect(await sweep('--shard', `${i}/3`)).toMatchObject({ code: 0 });
    expect(await sweep('-o', at('one.json'))).toMatchObject({ code: 0 });
  }, 120_000);

  it('have each combination once, dealt out in turn', () => {
    const names = read('one.json').results.map(({ name }) => name);
    expect(names).toHaveLength(4);
    const dealt = shards.map((_, i) => read(`digits.sweep.${i + 1}-of-3.json`));
    expect(dealt.map(({ results }) => results.map(({ name }) => name))).toEqual([
      [names[0], names[3]],
      [names[1]],
      [names[2]],
    ]);
    expect(dealt[1]?.part).toEqual({ shard: { index: 2, count: 3 }, combinations: names });
  });

  it('merge, in any order, to the bytes of one run, which a limit then chooses from', async () => {
    const [a, b, c] = shards as [string, string, string];
    const merged = await merge(c, a, b);
    expect(merged).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(at('merged.json'), 'utf8')).toBe(readFileSync(at('one.json'), 'utf8'));
    const chosen = await sweep('-o', at('merged.json'), '--min-sqnr', '10', '--json');
    const { choice, results } = JSON.parse(chosen.stdout) as SweepRecord;
    expect(results.map(({ name }) => name)).toContain(choice?.name);
  });

  it('name one that is lost, and one that is not finished', async () => {
    writeFileSync(at('merged.json'), 'kept');
    const lost = await merge(...shards.slice(0, 2));
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain('shard 3/3 is missing');
    expect(lost.stderr).toContain('quantize sweep … --shard 3/3');
    const stopped = { ...read('digits.sweep.3-of-3.json'), results: [], missing: 1 };
    writeFileSync(at('stopped.json'), JSON.stringify(stopped, null, 2));
    const open = await merge(...shards.slice(0, 2), at('stopped.json'));
    expect(open.stderr).toContain('stopped.json has 1 of its combinations still to come');
    expect(readFileSync(at('merged.json'), 'utf8')).toBe('kept');
  });

  it('are of one sweep, and of a sweep', async () => {
    const other = read('digits.sweep.2-of-3.json');
    const changed = { ...other, basis: { ...other.basis, samples: 'others' } };
    writeFileSync(at('other.json'), JSON.stringify(changed, null, 2));
    const differ = await merge(shards[0] as string, at('other.json'));
    expect(differ.stderr).toContain('are not of one sweep: they differ in set of samples');
    const whole = await merge(at('one.json'));
    expect(whole.stderr).toContain('one.json is a whole sweep');
    const damaged = { ...other, part: { ...other.part, shard: { index: 9, count: 4 } } };
    writeFileSync(at('damaged.json'), JSON.stringify(damaged, null, 2));
    expect((await merge(at('damaged.json'))).stderr).toContain('its shard is damaged');
  });

  it('choose nothing, and draw nothing', async () => {
    const limited = await sweep('--shard', '1/3', '--max-size', '1KB', '-o', at('no.json'));
    expect(limited).toMatchObject({ code: 2 });
    expect(limited.stderr).toContain('is of all combinations, not of a shard');
    const seeds = await sweep('--shard', '1/3', '--seeds', '1,2', '-o', at('no.json'));
    expect(seeds.stderr).toContain('--seed.');
    expect(existsSync(at('no.json'))).toBe(false);
  });
});
