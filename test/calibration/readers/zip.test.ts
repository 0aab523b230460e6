import { randomBytes } from 'node:crypto';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { memoryBytes } from '../../../calibration/byte-source.js';
import { readZip } from '../../../calibration/readers/zip.js';
import { codeOf } from '../../support/random-data.js';
import { zip64Bytes } from '../../support/zip64.js';

const open = (bytes: Uint8Array) => readZip('x.npz', memoryBytes(bytes));

/** All bytes of the only file. */
async function contentOf(archive: Uint8Array): Promise<Uint8Array> {
  const [entry] = await open(archive);
  const bytes = await entry?.open();
  return bytes ? bytes.read(0, bytes.sizeBytes) : new Uint8Array();
}

const text = Buffer.from('one two three');

/** The archive with four bytes of its list of files replaced. */
function withField(at: number, value: number, level: 0 | 6 = 0): Buffer {
  const archive = Buffer.from(zipSync({ a: text }, { level }));
  archive.writeUInt32LE(value, archive.indexOf(Buffer.from('PK\x01\x02')) + at);
  return archive;
}

/** Over the 64 MiB that are unpacked whole. */
function largeWithChecksum(checksum: number): Buffer {
  const archive = Buffer.from(zipSync({ a: new Uint8Array(2 ** 26 + 1) }, { level: 1 }));
  archive.writeUInt32LE(checksum, archive.lastIndexOf(Buffer.from('PK\x01\x02')) + 16);
  return archive;
}

describe('readZip', () => {
  it.each([0, 6] as const)('reads what fflate writes at level %i, comment and all', async (level) => {
    const archive = zipSync({ 'a.npy': text, 'folder/b.npy': new Uint8Array() }, { level, comment: 'x' });
    const entries = await open(archive);
    expect(entries.map(({ name }) => name)).toEqual(['a.npy', 'folder/b.npy']);
    expect(Buffer.from(await contentOf(archive))).toEqual(text);
  });

  it('reads sizes and offsets from zip64 fields', async () => {
    expect(Buffer.from(await contentOf(zip64Bytes('a.npy', text)))).toEqual(text);
  });

  it('unpacks a large file piece by piece, forwards and again from the start', async () => {
    // Half of it random, so that it is packed in many blocks; over the 64 MiB that are unpacked whole.
    const size = 2 ** 26 + 2 ** 20;
    const large = new Uint8Array(size);
    for (let at = 0; at < size; at += 2 ** 20) large.set(randomBytes(256), at);
    const [entry] = await open(zipSync({ a: large }, { level: 1 }));
    const bytes = await entry?.open();
    expect(bytes?.sizeBytes).toBe(size);
    for (const [offset, length] of [
      [0, 300],
      [2 ** 20 - 5, 700],
      [2 ** 20 - 5, 700],
      [5 * 2 ** 20, 2 ** 21],
      [size - 10, 10],
      [3, 9],
    ] as const) {
      const part = await bytes?.read(offset, length);
      expect(Buffer.compare(Buffer.from(part ?? []), large.subarray(offset, offset + length))).toBe(0);
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no archive', Buffer.from('no archive at all, but long enough for its end')],
    ['a cut archive', Buffer.from(zipSync({ a: text })).subarray(10)],
    ['a file beyond the end', withField(42, 2 ** 30)],
    ['a file that is elsewhere', withField(42, 3)],
    ['a size beyond the end', withField(20, 2 ** 30)],
    ['two sizes', withField(24, 5)],
    ['a wrong checksum', withField(16, 1, 6)],
    ['a wrong checksum of what is stored', withField(16, 1)],
    ['a wrong checksum of what is too large to be unpacked whole', largeWithChecksum(1)],
    ['a size that is too small for what is packed', withField(24, 5, 6)],
    ['a size that is too large for what is packed', withField(24, 2 ** 27, 6)],
    ['an unknown method', withField(10, 99, 6)],
    ['an encrypted file', withField(8, 1)],
  ])('refuses %s', async (_, archive) => {
    expect(await codeOf(() => contentOf(archive))).toBe('data-format');
  });
});
