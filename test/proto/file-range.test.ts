import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Tensor, tensorOf } from '../../src/graph/tensor.js';
import { ownRange, readBytes, writeRanges } from '../../src/proto/file-range.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const bytesTensor = (...values: number[]): Tensor =>
  tensorOf({ type: 'uint8', dims: [values.length], data: Uint8Array.from(values) });

test('each tensor begins a page, and one that comes twice is written once', async () => {
  const file = join(temporaryFolder(), 'data');
  const [a, b, none] = [bytesTensor(1, 2, 3), bytesTensor(4, 5), bytesTensor()];
  const ranges = await writeRanges(file, [a, b, a, none]);
  expect([a, b, none].map((tensor) => ranges.get(tensor)?.start)).toEqual([0, 4096, 8192]);
  const written = readFileSync(file);
  expect(written.byteLength).toBe(4098);
  expect([...written.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
  expect([...(ranges.get(b)?.read() ?? [])]).toEqual([4, 5]);
});

test('a range can be written on from another file', async () => {
  const folder = temporaryFolder();
  const first = await writeRanges(join(folder, 'a'), [bytesTensor(7, 8, 9)]);
  const [storage] = first.values();
  const moved: Tensor = { dataType: 'uint8', dims: [3], storage: storage ?? expect.fail() };
  const [range] = (await writeRanges(join(folder, 'b'), [moved])).values();
  expect([...(range?.read() ?? [])]).toEqual([7, 8, 9]);
});

test('an existing file is left as it is', async () => {
  const file = join(temporaryFolder(), 'data');
  writeFileSync(file, 'old');
  await expect(writeRanges(file, [bytesTensor(1)])).rejects.toThrow('EEXIST');
  expect(readFileSync(file, 'utf8')).toBe('old');
});

test('a file that became shorter, or is gone', async () => {
  const file = join(temporaryFolder(), 'data');
  writeFileSync(file, 'abcdef');
  expect(Buffer.from(readBytes(file, 2, 3)).toString()).toBe('cde');
  truncateSync(file, 4);
  expect(() => readBytes(file, 2, 3)).toThrow('shorter');
  await expectRefusal(() => ownRange(`${file}2`, 0, 1).read(), 'file-unreadable', 3);
});
