import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSamples } from '../../../calibration/readers/readers.js';
import { codeOf } from '../../support/random-data.js';
import { sampleFiles } from '../../support/sample-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const spec = (name: string, type: string) => ({ name, type, shape: ['n', 'm'] });

function open(bytes: Uint8Array, ...inputs: ReturnType<typeof spec>[]) {
  const path = join(temporaryFolder(), 'x.safetensors');
  writeFileSync(path, bytes);
  return openSamples({ path, inputs });
}

/** A file with a header of any text and bytes behind it. */
function file(header: object | string, dataBytes: number, stated?: bigint): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(stated ?? BigInt(text.length));
  return Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]);
}

const tensor = (begin: number, end: number, shape = [1, (end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('the safetensors reader', () => {
  const saved = Buffer.from(sampleFiles.safetensors, 'base64');

  it('gives each input its tensor, of every type', async () => {
    const set = await open(saved, spec('ids', 'int64'), spec('mask', 'bool'), spec('half', 'float32'));
    expect(set.length).toBe(2);
    expect(await set.sample(1)).toEqual({
      ids: { type: 'int64', dims: [2], data: BigInt64Array.of(3n, 4n) },
      mask: { type: 'bool', dims: [2], data: Uint8Array.of(1, 1) },
      half: { type: 'float32', dims: [1], data: Float32Array.of(-2) },
    });
    const brain = await open(saved, spec('brain', 'float32'));
    expect((await brain.sample(0)).brain?.data).toEqual(Float32Array.of(1.5));
  });

  it('takes the only tensor for the only input, whatever its name', async () => {
    const set = await open(file({ data: tensor(0, 8) }, 8), spec('x', 'float32'));
    expect((await set.sample(0)).x?.dims).toEqual([2]);
  });

  it('refuses a type that no sample is made of, where it is wanted', async () => {
    expect(await codeOf(() => open(saved, spec('f8', 'float32')))).toBe('data-format');
    expect(await codeOf(() => open(saved, spec('none', 'float32')))).toBe('data-input-missing');
  });

  it('accepts two tensors side by side, in any order of the header', async () => {
    const set = await open(file({ b: tensor(8, 16), x: tensor(0, 8) }, 16), spec('x', 'float32'));
    expect(set.length).toBe(1);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a header longer than the file', file({ x: tensor(0, 8) }, 8, 1000n)],
    ['a header longer than the limit', file({ x: tensor(0, 8) }, 8, 100_000_001n)],
    ['a header longer than all numbers', file({ x: tensor(0, 8) }, 8, 2n ** 63n)],
    ['a header that is no JSON', file('{', 8)],
    ['a header that is no table', file('[]', 0)],
    ['a tensor that is nothing', file('{"x":null}', 0)],
    ['overlapping tensors', file({ x: tensor(0, 8), y: tensor(4, 12) }, 12)],
    ['the same bytes twice', file({ x: tensor(0, 8), y: tensor(0, 8) }, 8)],
    ['a gap', file({ x: tensor(0, 8), y: tensor(12, 16) }, 16)],
    ['a tensor beyond the end', file({ x: tensor(0, 16) }, 8)],
    ['bytes that belong to none', file({ x: tensor(0, 8) }, 12)],
    ['offsets that go backwards', file({ x: { ...tensor(0, 8), data_offsets: [8, 0] } }, 8)],
    ['negative offsets', file({ x: { ...tensor(0, 8), data_offsets: [-8, 0] } }, 8)],
    ['a shape for more bytes', file({ x: tensor(0, 8, [1, 3]) }, 8)],
    ['a negative shape', file({ x: tensor(0, 8, [-1, -2]) }, 8)],
    ['a shape beyond all numbers', file({ x: tensor(0, 8, [2 ** 53, 2 ** 53]) }, 8)],
    [
      'a name twice',
      file(
        '{"x":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}',
        8,
      ),
    ],
  ])('refuses %s', async (_, bytes) => {
    expect(await codeOf(() => open(bytes, spec('x', 'float32')))).toBe('data-format');
  });
});
