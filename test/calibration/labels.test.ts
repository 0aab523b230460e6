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

/** Samples of which only the number matters. */
const set = (length: number) => ({ label: 'x.npy', length });

describe('readLabels', () => {
  it('reads int64 labels as numbers', async () => {
    const labels = await readLabels('examples/digits-test-labels.npy', set(797));
    // As NumPy prints them, and numpy.bincount counts them.
    expect(labels.slice(0, 10)).toEqual([7, 5, 1, 5, 0, 7, 5, 9, 4, 1]);
    const counts = Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
    expect(counts).toEqual([79, 81, 79, 81, 80, 81, 80, 79, 77, 80]);
  });

  it('reads a list of any integers, also in a column', async () => {
    expect(await readLabels(write('|u1', [3], Uint8Array.of(1, 0, 255)), set(3))).toEqual([1, 0, 255]);
    expect(await readLabels(write('<i4', [3, 1], Int32Array.of(7, 8, 9)), set(3))).toEqual([7, 8, 9]);
  });

  it.each([
    ['more labels than samples', '|u1', [3], Uint8Array.of(1, 2, 3), 2, 'labels-mismatch'],
    ['fewer labels than samples', '|u1', [3], Uint8Array.of(1, 2, 3), 4, 'labels-mismatch'],
    ['floats', '<f4', [2], Float32Array.of(1, 2), 2, 'data-format'],
    ['a table', '|u1', [2, 2], Uint8Array.of(1, 2, 3, 4), 2, 'data-format'],
    ['a scalar', '|u1', [], Uint8Array.of(1), 1, 'data-format'],
  ])('refuses %s', async (_, descr, dims, data, expected, code) => {
    const path = write(descr, dims, data);
    expect(await codeOf(() => readLabels(path, set(expected)))).toBe(code);
  });

  it('refuses a file that is not there', async () => {
    expect(await codeOf(() => readLabels('examples/none.npy', set(1)))).toBe('file-missing');
  });

  const csv = (text: string): string => {
    const path = join(temporaryFolder(), 'labels.csv');
    writeFileSync(path, text);
    return path;
  };
  const images = (...names: string[]) => ({ label: 'photos', length: names.length, names });

  it.each([
    ['one a line', '3\n0\n7'],
    ['a header and an end of line', 'label\r\n3\r\n0\r\n7\r\n'],
    ['files in another order', 'file,class\nb/2.jpg,0\n"a/1, x.jpg",3\nc/3.jpg,7\nnone.jpg,9\n'],
    ['files by their names alone', '2.jpg,0\n"1, x.jpg",3\n3.jpg,7\n'],
  ])('reads a .csv of %s', async (_, text) => {
    expect(await readLabels(csv(text), images('a/1, x.jpg', 'b/2.jpg', 'c/3.jpg'))).toEqual([3, 0, 7]);
  });

  it('numbers class folders in sorted order, by the first folder of each path', async () => {
    const names = ['cat/1.jpg', 'cat/old/2.jpg', 'Zebra/3.jpg', 'dog/4.jpg'];
    expect(await readLabels('folders', images(...names))).toEqual([1, 1, 0, 2]);
  });

  it.each([
    ['a file without a row', '2.jpg,0', images('1.jpg'), 'labels-unmatched'],
    ['a name that two files have', '1.jpg,0', images('a/1.jpg', 'b/1.jpg'), 'labels-unmatched'],
    ['files for samples that are none', '1.jpg,0', set(1), 'labels-need-files'],
    ['names of classes', '1.jpg,cat\n2.jpg,dog', images('1.jpg', '2.jpg'), 'data-format'],
    ['rows of different lengths', '1.jpg,0\n3', images('1.jpg', '2.jpg'), 'data-format'],
    ['three columns', '1,2,3', images('1.jpg'), 'data-format'],
    ['nothing', '', images('1.jpg'), 'data-format'],
    ['too few lines', '1', images('1.jpg', '2.jpg'), 'labels-mismatch'],
  ])('refuses a .csv with %s', async (_, text, samples, code) => {
    expect(await codeOf(() => readLabels(csv(text), samples))).toBe(code);
  });

  it('refuses class folders where there are none', async () => {
    expect(await codeOf(() => readLabels('folders', images('a/1.jpg', '2.jpg')))).toBe('data-format');
    expect(await codeOf(() => readLabels('folders', set(2)))).toBe('labels-need-files');
  });
});
