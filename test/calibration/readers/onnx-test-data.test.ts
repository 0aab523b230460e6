import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSamples } from '../../../calibration/readers/readers.js';
import { decodeTensorFile } from '../../../src/proto/decode-tensor.js';
import { codeOf } from '../../support/random-data.js';
import { sampleFiles } from '../../support/sample-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

type File = keyof typeof sampleFiles | Uint8Array;

/** A folder with files at these paths. */
function folderOf(files: Readonly<Record<string, File>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(
      join(folder, name),
      typeof content === 'string' ? Buffer.from(sampleFiles[content], 'base64') : content,
    );
  }
  return folder;
}

function open(files: Readonly<Record<string, File>>, ...names: string[]) {
  const inputs = names.map((name) => ({ name, type: 'float32', shape: ['n', 2] }));
  return openSamples({ path: folderOf(files), inputs, decodeTensor: decodeTensorFile });
}

const values = async (set: Awaited<ReturnType<typeof open>>, name: string) => {
  const all: number[][] = [];
  for (let i = 0; i < set.length; i++) all.push(Array.from((await set.sample(i))[name]?.data ?? [], Number));
  return all;
};

describe('the reader of ONNX test data', () => {
  it('takes a folder for a batch, cut on axis 0', async () => {
    const set = await open({ 'input_0.pb': 'pb0', 'output_0.pb': 'pb0' }, 'x');
    expect(await values(set, 'x')).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('takes a folder of folders one after the other, by their numbers', async () => {
    const set = await open(
      { 'test_data_set_10/input_0.pb': 'pbTyped', 'test_data_set_2/input_0.pb': 'pb0' },
      'x',
    );
    expect(await values(set, 'x')).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it('finds inputs by name, and those without by number', async () => {
    // pbHalf has no name, pbTyped is named x.
    const set = await open({ 'a/input_0.pb': 'pbHalf', 'a/input_1.pb': 'pbTyped' }, 'h', 'x');
    expect([await values(set, 'h'), await values(set, 'x')]).toEqual([[[1.5, -2]], [[5, 6]]]);
  });

  it.each([
    ['a file that is no tensor', { 'input_0.pb': Buffer.from('no tensor') }, ['x'], 'data-format'],
    ['an empty file', { 'input_0.pb': new Uint8Array() }, ['x'], 'data-format'],
    [
      'fewer elements than the shape needs',
      { 'input_0.pb': Buffer.from(sampleFiles.pb0, 'base64').fill(9, 3, 4) },
      ['x'],
      'data-format',
    ],
    ['an input without a file', { 'input_0.pb': 'pb0' }, ['x', 'y'], 'data-input-missing'],
  ] as const)('refuses %s', async (_, files, names, code) => {
    expect(await codeOf(() => open(files as Record<string, File>, ...names))).toBe(code);
  });
});
