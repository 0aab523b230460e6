import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openNpyFile, parseNpy } from '../../../calibration/readers/npy-format.js';
import { npyBytes } from '../../support/npy.js';
import { numpyFiles } from '../../support/numpy-files.js';
import { codeOf } from '../../support/random-data.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const file = (name: keyof typeof numpyFiles) => Buffer.from(numpyFiles[name], 'base64');
const parse = (bytes: Uint8Array) => parseNpy('x.npy', bytes);

/** The file with a part of its header's text replaced by another of the same length. */
function edited(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString('latin1');
  if (!text.includes(from) || from.length !== to.length) throw new Error(`cannot replace ${from}`);
  return Buffer.from(text.replace(from, to), 'latin1');
}

describe('parseNpy', () => {
  it.each([
    ['float32', [4], Float32Array.of(1.5, -0, 2 ** -149, Number.POSITIVE_INFINITY)],
    ['float64', [2], Float64Array.of(0.1, -1e300)],
    ['int8', [3], Int8Array.of(-128, -1, 127)],
    ['uint8', [3], Uint8Array.of(0, 1, 255)],
    ['int16', [3], Int16Array.of(-(2 ** 15), -1, 2 ** 15 - 1)],
    ['uint16', [3], Uint16Array.of(0, 1, 2 ** 16 - 1)],
    ['int32', [3], Int32Array.of(-(2 ** 31), -1, 2 ** 31 - 1)],
    ['uint32', [3], Uint32Array.of(0, 1, 2 ** 32 - 1)],
    ['int64', [3], BigInt64Array.of(-(2n ** 63n), -1n, 2n ** 63n - 1n)],
    ['uint64', [3], BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)],
    ['bool', [3], Uint8Array.of(1, 0, 1)],
  ] as const)('reads %s', (type, dims, data) => {
    expect(parse(file(type))).toEqual({ type, dims, data });
  });

  it('reads float16 as the float32 of the same value', () => {
    const { type, dims, data } = parse(file('float16'));
    // A third in float16 is 0x3555: 1365 steps of 2^-12.
    const values = [1, -0, 2 ** -24, 2 ** -14, 65504, Number.NEGATIVE_INFINITY, Number.NaN, 1365 / 4096];
    expect({ type, dims, data }).toEqual({ type: 'float32', dims: [8], data: Float32Array.from(values) });
  });

  it.each(['version2', 'version3'] as const)('reads a header of %s', (name) => {
    expect(parse(file(name))).toEqual({ type: 'int16', dims: [2, 3], data: Int16Array.of(0, 1, 2, 3, 4, 5) });
  });

  it('reads a scalar and an empty array', () => {
    expect(parse(file('scalar'))).toEqual({ type: 'int32', dims: [], data: Int32Array.of(7) });
    expect(parse(file('empty'))).toEqual({ type: 'float32', dims: [0, 3], data: new Float32Array() });
  });

  it('reads big-endian elements', () => {
    expect(parse(file('bigEndian'))).toEqual({ type: 'int32', dims: [2], data: Int32Array.of(1, 2) });
  });

  it('reads Fortran order as row-major', () => {
    // numpy.asfortranarray(numpy.arange(6, dtype=float32).reshape(2, 3))
    const array = { type: 'float32', dims: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) };
    expect(parse(file('fortran'))).toEqual(array);
  });

  it('reads from any place in a buffer', () => {
    const bytes = file('float64');
    for (let offset = 1; offset < 9; offset++) {
      const moved = new Uint8Array(bytes.length + offset);
      moved.set(bytes, offset);
      expect(parse(moved.subarray(offset)).data).toEqual(Float64Array.of(0.1, -1e300));
    }
  });

  it.each([
    ['pickled', /pickled Python objects/],
    ['text', /elements of type U2/],
    ['complex', /complex numbers \(c8\)/],
    ['times', /elements of type M8/],
    ['structured', /not that of a plain numeric array/],
  ] as const)('refuses a file that is %s', async (name, reason) => {
    expect(() => parse(file(name))).toThrow(reason);
    expect(await codeOf(() => parse(file(name)))).toBe('data-format');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['the magic alone', Buffer.from('\x93NUMPY', 'latin1')],
    ['another format', Buffer.from('PK\x03\x04 and more than twelve bytes')],
    ['a cut header', file('float32').subarray(0, 40)],
    ['cut data', file('float32').subarray(0, -1)],
    ['no data', file('float32').subarray(0, 128)],
    ['a version of the future', edited(file('float32'), 'NUMPY\x01', 'NUMPY\x04')],
    ['a version before the first', edited(file('float32'), 'NUMPY\x01', 'NUMPY\x00')],
    ['a shape of nonsense', edited(file('version2'), '(2, 3)', '(2  3)')],
    ['a shape beyond the data', edited(file('float32'), '(4,)', '(9,)')],
    ['a shape beyond all numbers', npyBytes('<f4', [2 ** 53, 2 ** 53], new Float32Array(4))],
  ])('refuses %s', async (_, bytes) => {
    expect(await codeOf(() => parse(bytes))).toBe('data-format');
  });
});

describe('openNpyFile', () => {
  it('reads a file', async () => {
    const path = join(temporaryFolder(), 'x.npy');
    writeFileSync(path, file('int64'));
    expect(await openNpyFile(path)).toMatchObject({ stored: 'int64' });
  });

  it('refuses a path without a file, and one that cannot be read', async () => {
    const folder = temporaryFolder();
    expect(await codeOf(() => openNpyFile(join(folder, 'none.npy')))).toBe('file-missing');
    expect(await codeOf(() => openNpyFile(folder))).toBe('file-odd');
  });
});
