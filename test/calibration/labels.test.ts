import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLabels } from '../../calibration/labels.js';
import { npyBytes } from '../support/npy.js';
import { codeOf } from '../support/random-data.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const write = (descr: string, dims: number[], data: ArrayBufferView): string => {
  const path = join(temporaryFolder(), 'labels.npy');
  writeFileSync(path, npyBytes(descr, dims, data));
  return path;
};

describe('readLabels', () => {
  it('reads int64 labels as numbers', async () => {
    const labels = await readLabels('examples/digits-test-labels.npy', 797);
    // As NumPy prints them, and numpy.bincount counts them.
    expect(labels.slice(0, 10)).toEqual([7, 5, 1, 5, 0, 7, 5, 9, 4, 1]);
    const counts = Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
    expect(counts).toEqual([79, 81, 79, 81, 80, 81, 80, 79, 77, 80]);
  });

  it('reads a list of any integers, also in a column', async () => {
    expect(await readLabels(write('|u1', [3], Uint8Array.of(1, 0, 255)), 3)).toEqual([1, 0, 255]);
    expect(await readLabels(write('<i4', [3, 1], Int32Array.of(7, 8, 9)), 3)).toEqual([7, 8, 9]);
  });

  it.each([
    ['more labels than samples', '|u1', [3], Uint8Array.of(1, 2, 3), 2, 'labels-mismatch'],
    ['fewer labels than samples', '|u1', [3], Uint8Array.of(1, 2, 3), 4, 'labels-mismatch'],
    ['floats', '<f4', [2], Float32Array.of(1, 2), 2, 'data-format'],
    ['a table', '|u1', [2, 2], Uint8Array.of(1, 2, 3, 4), 2, 'data-format'],
    ['a scalar', '|u1', [], Uint8Array.of(1), 1, 'data-format'],
  ])('refuses %s', async (_, descr, dims, data, expected, code) => {
    const path = write(descr, dims, data);
    expect(await codeOf(() => readLabels(path, expected))).toBe(code);
  });

  it('refuses a file that is not there', async () => {
    expect(await codeOf(() => readLabels('examples/none.npy', 1))).toBe('file-missing');
  });
});
