import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SensitivityRecord } from '../../src/search/sensitivity-file.js';
import { example, runCommand } from '../support/command.js';

const folder = mkdtempSync(join(tmpdir(), 'quantize-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const given = ['--data', example('digits-calib.npy'), '--scale', '1/16', '--samples', '16', '--quiet'];
/** One layer has a rule, so that candidates come to the same there. */
const apart = ['--rule', '/stem/Conv:bits=8', '--exclude', '/residual/*'];
const auto = [...given, '--refine', 'none', '--auto', '--min-sqnr', '20', ...apart];
const run = (...args: string[]) => runCommand(at('digits.onnx'), ...auto, ...args);
const merge = (...args: string[]) => runCommand('merge', ...args, '-o', at('merged.json'));

const text = (name: string) => readFileSync(at(name), 'utf8');
const read = (name: string) => JSON.parse(text(name)) as SensitivityRecord;
const shards = [1, 2, 3].map((index) => `digits.sensitivity.${index}-of-3.json`);
const paths = shards.map(at) as [string, string, string];

describe('the shards of a search', () => {
  beforeAll(async () => {
    copyFileSync(example('digits.onnx'), at('digits.onnx'));
    for (const i of [1, 2, 3]) expect(await run('--shard', `${i}/3`)).toMatchObject({ code: 0, stderr: '' });
    await run('--shard', '1/1', '-o', at('one.json'));
    await merge(at('one.json'));
    copyFileSync(at('merged.json'), at('whole.json'));
  }, 120_000);

  it('have each layer with each candidate between them, each those of a few candidates', () => {
    const keys = shards.map((name) =>
      read(name).effects.map(({ id, scheme, bits }) => `${id} ${scheme} ${bits}`),
    );
    const whole = read('whole.json').effects.map(({ id, scheme, bits }) => `${id} ${scheme} ${bits}`);
    expect([...new Set(keys.flat())]).toEqual(whole);
    expect(new Set(whole).size).toBe(whole.length);
    // Nothing is measured in two shards, but where candidates come to the same: a rule gives 8 bits, or fewer would save no byte.
    const once = keys.flat().filter((key) => !key.endsWith(' 8'));
    expect(new Set(once).size).toBe(once.length);
    expect(keys.every((own) => own.length > 0 && own.length < whole.length / 2)).toBe(true);
    // Of 9 candidates and the inputs, in their order, a third each.
    const schemesOf = (name: string | undefined) =>
      new Set(read(name ?? '').effects.map(({ scheme }) => scheme));
    expect(shards.map(schemesOf)).toEqual([new Set(['kmeans', 'mse']), new Set(['mse']), new Set(['mse'])]);
    expect(shards.map((name) => read(name).inputs.length)).toEqual([0, 0, 4]);
  });

  it('merge, in any order, to the bytes of one shard of all, and give the model of a run without shards', async () => {
    const [a, b, c] = paths;
    expect(await merge(c, a, b)).toMatchObject({ code: 0, stderr: '' });
    expect(text('merged.json')).toBe(text('whole.json'));
    expect(await run('-o', at('alone.onnx'))).toMatchObject({ code: 0 });
    const found = await run('--sensitivity', at('merged.json'), '-o', at('found.onnx'), '--json');
    expect(found.code).toBe(0);
    expect(readFileSync(at('found.onnx')).equals(readFileSync(at('alone.onnx')))).toBe(true);
    expect(text('found.recipe.json')).toBe(text('alone.recipe.json'));
  }, 60_000);

  it('are what the search goes by: other noises, another model', async () => {
    const record = read('whole.json');
    const louder = record.effects.map((effect) => (effect.bits < 8 ? { ...effect, noise: null } : effect));
    writeFileSync(at('louder.json'), JSON.stringify({ ...record, effects: louder }));
    expect(await run('--sensitivity', at('louder.json'), '-o', at('other.onnx'))).toMatchObject({ code: 0 });
    expect(readFileSync(at('other.onnx')).byteLength).toBeGreaterThan(
      readFileSync(at('alone.onnx')).byteLength,
    );
  }, 60_000);

  it('name one that is lost, and leave the file that is there', async () => {
    writeFileSync(at('merged.json'), 'kept');
    const lost = await merge(paths[0], paths[2]);
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain('shard 2/3 is missing');
    expect(lost.stderr).toContain('quantize … --auto … --shard 2/3');
    expect(text('merged.json')).toBe('kept');
  });

  it.each([
    ['model', 'model'],
    ['samples', 'samples or ranges'],
    ['settings', 'recipe or candidates'],
    ['environment', 'version, runtime or machine'],
  ])('of another %s are refused, by the merge and by the search', async (part, what) => {
    const record = read(shards[1] as string);
    const basis = { ...record.basis, [part]: '0'.repeat(64) };
    writeFileSync(at('other.json'), JSON.stringify({ ...record, basis }, null, 2));
    expect((await merge(paths[0], at('other.json'))).stderr).toContain(`they differ in ${what}`);
    writeFileSync(at('other.json'), JSON.stringify({ ...read('whole.json'), basis }, null, 2));
    const search = await run('--sensitivity', at('other.json'), '-o', at('no.onnx'));
    expect(search).toMatchObject({ code: 2 });
    expect(search.stderr).toContain(`they differ in ${what}`);
    expect(existsSync(at('no.onnx'))).toBe(false);
  });

  it('are of other settings where the recipe is another, and where the scheme is', async () => {
    const scheme = await run('--sensitivity', at('whole.json'), '--scheme', 'minmax', '-o', at('no.onnx'));
    expect(scheme.stderr).toContain('they differ in recipe or candidates');
    const samples = await run('--sensitivity', at('whole.json'), '--samples', '8', '-o', at('no.onnx'));
    expect(samples.stderr).toContain('they differ in samples or ranges');
  });

  it('are no whole, and the whole is no shard; what is damaged is said', async () => {
    const part = await run('--sensitivity', paths[1], '-o', at('no.onnx'));
    expect(part.stderr).toContain('is shard 2 of 3, not the whole');
    expect((await merge(at('whole.json'))).stderr).toContain('whole.json is of a whole search');
    const record = read(shards[1] as string);
    writeFileSync(at('bad.json'), JSON.stringify({ ...record, shard: { index: 4, count: 3 } }, null, 2));
    expect((await merge(at('bad.json'))).stderr).toContain('its shard is missing or damaged');
    writeFileSync(at('bad.json'), '{');
    const bad = await run('--sensitivity', at('bad.json'), '-o', at('no.onnx'));
    expect(bad).toMatchObject({ code: 2 });
    expect(bad.stderr).toContain('is not a file of sensitivities of version 1');
  });

  it.each([
    [['--shard', '1/2', '--report', 'a.html'], '--report has no use with --shard'],
    [['--shard', '1/2', '--sensitivity', 'a.json'], '--shard measures what --sensitivity holds'],
  ])('%j is refused', async (args, told) => {
    const refused = await run(...args);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain(told);
  });

  it('are of --auto alone', async () => {
    const without = await runCommand(at('digits.onnx'), ...given, '--shard', '1/2');
    expect(without.stderr).toContain('quantize calibrate … --shard i/n');
    const unused = await runCommand(at('digits.onnx'), ...given, '--sensitivity', at('whole.json'));
    expect(unused.stderr).toContain('--sensitivity has no use without --auto');
  });
});
