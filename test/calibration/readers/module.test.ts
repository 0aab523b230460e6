import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReadSettings } from '../../../calibration/readers/reader.js';
import { openSamples } from '../../../calibration/readers/readers.js';
import type { InputSpec } from '../../../calibration/source.js';
import { codeOf } from '../../support/random-data.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const x: InputSpec = { name: 'x', type: 'float32', shape: ['n', 2] };

function open(code: string, inputs: InputSpec[] = [x], settings: ReadSettings = {}) {
  const path = join(temporaryFolder(), 'samples.mjs');
  writeFileSync(path, code);
  return openSamples({ path, inputs, ...settings });
}

const allOf = async (set: Awaited<ReturnType<typeof open>>, name = 'x') => {
  const all: unknown[] = [];
  for (let i = 0; i < set.length; i++) all.push((await set.sample(i))[name]);
  return all;
};

const floats = (...data: number[]) => ({
  type: 'float32',
  dims: [data.length],
  data: Float32Array.from(data),
});

/** A stream of three samples of 40 MB: too many to keep. */
const large = `async function* () {
  for (let i = 0; i < 3; i++) yield new Float32Array(1e7).fill(i);
}`;
const wide: InputSpec = { name: 'x', type: 'float32', shape: ['n', 1e7] };

describe('the module reader', () => {
  it.each([
    ['a list', 'export default [new Float32Array([1, 2]), { x: new Float32Array([3, 4]) }]'],
    [
      'a generator function',
      'export default function* () { yield new Float32Array([1, 2]); yield { x: { data: new Float32Array([3, 4]), dims: [1, 2] } } }',
    ],
    [
      'an async generator',
      'async function* f() { yield new Float32Array([1, 2]); yield new Float32Array([3, 4]) } export default f()',
    ],
    [
      'a function that promises a list of promises',
      'export default async () => [Promise.resolve(new Float32Array([1, 2])), new Float32Array([3, 4])]',
    ],
  ])('reads %s', async (_, code) => {
    const set = await open(code);
    expect(set.label).toBe('samples.mjs');
    expect(await allOf(set)).toEqual([floats(1, 2), floats(3, 4)]);
    expect(await allOf(set)).toEqual([floats(1, 2), floats(3, 4)]);
  });

  it('reads what tokenizers give: int64 tensors of any length, more than the model takes', async () => {
    const ids: InputSpec = { name: 'ids', type: 'int64', shape: ['n', 'm'] };
    const set = await open(
      'const t = (...d) => ({ type: "int64", dims: [1, d.length], data: BigInt64Array.from(d) });' +
        'export default [{ ids: t(1n, 2n, 3n), types: t(0n) }, { ids: t(4n) }]',
      [ids],
    );
    expect(await allOf(set, 'ids')).toEqual([
      { type: 'int64', dims: [3], data: BigInt64Array.of(1n, 2n, 3n) },
      { type: 'int64', dims: [1], data: BigInt64Array.of(4n) },
    ]);
  });

  it('makes samples again that are too many to keep, in any order', async () => {
    const set = await open(`export default ${large}`, [wide]);
    expect(set.length).toBe(3);
    for (const i of [0, 1, 2, 0, 2, 2]) expect((await set.sample(i)).x?.data[0]).toBe(i);
  });

  it('refuses to begin again what can be read only once', async () => {
    const set = await open(`export default (${large})()`, [wide]);
    expect(await codeOf(() => set.sample(0))).toBe('module-once');
  });

  it('reads an endless stream as far as it is asked to', async () => {
    const code = 'export default function* () { for (let i = 0; ; i++) yield new Float32Array([i, 0]) }';
    const set = await open(code, [x], { limit: 3 });
    expect(await allOf(set)).toEqual([floats(0, 0), floats(1, 0), floats(2, 0)]);
  });

  it('tells an error of the module from one of ours, without a stack', async () => {
    const failing =
      'export default function* () { yield new Float32Array(2); throw new Error("no tokenizer") }';
    await expect(open(failing)).rejects.toThrow(/samples\.mjs failed while it made samples: no tokenizer\.$/);
    expect(await codeOf(() => open('import "./nowhere.mjs"'))).toBe('module-failed');
  });

  it.each([
    ['no default export', 'export const samples = []', 'data-format'],
    ['no iterable', 'export default () => 3', 'data-format'],
    ['no samples', 'export default []', 'data-empty'],
    ['a sample without the input', 'export default [{ y: new Float32Array(2) }]', 'module-sample'],
    ['a sample that is nothing', 'export default [null]', 'module-sample'],
    ['a sample of numbers', 'export default [[1, 2]]', 'module-sample'],
    [
      'a shape that is not the data’s',
      'export default [{ data: new Float32Array(2), dims: [1, 3] }]',
      'data-format',
    ],
    [
      'a shape that is not the model’s',
      'export default [{ data: new Float32Array(3), dims: [1, 3] }]',
      'data-shape',
    ],
    ['integers with nothing said', 'export default [new Uint8Array(2)]', 'data-needs-preprocess'],
  ])('refuses %s', async (_, code, expected) => {
    expect(await codeOf(() => open(code))).toBe(expected);
  });

  it('names the sample that does not fit, and both shapes', async () => {
    const code = 'export default [new Float32Array(2), { data: new Float32Array(3), dims: [3] }]';
    await expect(open(code)).rejects.toThrow(
      /sample 1: a sample of shape \[3\] does not fit .* takes samples of \[2\]/,
    );
  });
});
