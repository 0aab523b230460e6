import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { json } from '../../src/report/json.js';
import { openJudge } from '../../src/report/judge.js';
import type { Result } from '../../src/report/result.js';
import { codeOf } from '../support/random-data.js';
import { sampleResult } from '../support/result.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A file with this text. */
function fileOf(text: string): string {
  const path = join(temporaryFolder(), 'base.json');
  writeFileSync(path, text);
  return path;
}

const saved = async (result: Result) => fileOf(await json.render(result));

describe('a baseline', () => {
  it('is read back from --json, and compared with', async () => {
    const baseline = await saved(
      sampleResult({ quantized: { ...sampleResult().quantized, sizeBytes: 88_000 } }),
    );
    const judge = await openJudge({ gates: ['size_change<=50%', 'size_change<=100%'], baseline });
    const judged = judge(sampleResult());
    expect(judged.gates.map(({ passed }) => passed)).toEqual([false, true]);
    expect(judged.baseline?.name).toBe('base.json');
    expect(judged.baseline?.changes).toContainEqual({
      metric: 'size',
      before: 88_000,
      after: 176_000,
      shown: '+88.0 kB',
    });
    expect(judged.warnings).toEqual([]);
  });

  it('of several models is that of the same one, and missing where there is none', async () => {
    const { float, quantized } = sampleResult();
    const named = (name: string, sizeBytes: number) =>
      sampleResult({ float: { ...float, name }, quantized: { ...quantized, sizeBytes } });
    const baseline = fileOf(JSON.stringify([named('a.onnx', 88_000), named('b.onnx', 176_000)]));
    const judge = await openJudge({ gates: ['size_change<=0%'], baseline });
    expect(['a.onnx', 'b.onnx'].map((name) => judge(named(name, 176_000)).gates[0]?.passed)).toEqual([
      false,
      true,
    ]);
    const judged = judge(named('c.onnx', 176_000));
    expect(judged).toMatchObject({ baseline: null, gates: [{ passed: false }] });
    expect(judged.warnings).toEqual(['The baseline base.json has no result of c.onnx.']);
  });

  it('of another model or of other data is compared with, and the result says so', async () => {
    const { float, evaluation } = sampleResult();
    const other = await saved(
      sampleResult({ float: { ...float, sha256: 'other' }, evaluation: { ...evaluation, samples: 10 } }),
    );
    const { warnings } = (await openJudge({ baseline: other }))(sampleResult());
    expect(warnings).toEqual([
      expect.stringContaining('base.json is of another float model'),
      expect.stringContaining('measured on other data: 10 samples of test.npy'),
    ]);
  });

  it.each([
    ['not JSON', '{', 'it is not JSON'],
    ['no record', '[]', 'it has no schemaVersion'],
    ['nothing', 'null', 'it has no schemaVersion'],
    ['another version', JSON.stringify({ ...sampleResult(), schemaVersion: 1 }), 'its version is 1'],
    ['a cut record', JSON.stringify({ schemaVersion: 4 }), 'float is missing'],
    [
      'a changed record',
      JSON.stringify({ ...sampleResult(), timing: { speed: { ratio: 'fast' } } }),
      'timing.speed.ratio is missing or of another type',
    ],
  ])('is refused where it is %s', async (_, text, reason) => {
    await expect(openJudge({ baseline: fileOf(text) })).rejects.toMatchObject({
      code: 'baseline-format',
      message: expect.stringContaining(reason),
    });
  });

  it('is refused where there is no file, before any work', async () => {
    expect(await codeOf(() => openJudge({ baseline: 'nowhere.json' }))).toBe('file-missing');
  });
});

it('a malformed gate is refused before any work', async () => {
  expect(await codeOf(() => openJudge({ gates: ['sqnr'] }))).toBe('bad-gate');
});

it('without gates and baseline a result is as it was', async () => {
  expect((await openJudge({}))(sampleResult())).toEqual(sampleResult());
});
