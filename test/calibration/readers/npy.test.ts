import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Preprocess, type Preset, presets } from '../../../calibration/preprocess.js';
import { openSamples } from '../../../calibration/readers/readers.js';
import { batchSizeOf, sourceOf } from '../../../calibration/sample-set.js';
import type { InputSpec, SampleSource } from '../../../calibration/source.js';
import type { NdArray } from '../../../src/numerics/nd-array.js';
import { npyBytes } from '../../support/npy.js';
import { codeOf } from '../../support/random-data.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const raw: Preprocess = { ...(presets.none as Preset), label: '--preprocess none', layout: undefined };

/** An array in a file, opened for an input of type and shape. */
async function open(
  [descr, dims, data]: readonly [string, readonly number[], ArrayBufferView],
  [type, ...shape]: readonly [string, ...NonNullable<InputSpec['shape']>],
  { preprocess, samples, seed = 0 }: { preprocess?: Preprocess; samples?: number; seed?: number } = {},
): Promise<SampleSource> {
  const path = join(temporaryFolder(), 'x.npy');
  writeFileSync(path, npyBytes(descr, dims, data));
  const inputs = [{ name: 'x', type, shape }];
  const set = await openSamples({ path, inputs, preprocess });
  return sourceOf(set, { samples, seed, batchSize: batchSizeOf(inputs) });
}

async function arraysOf(source: SampleSource): Promise<NdArray[]> {
  const arrays: NdArray[] = [];
  for await (const { feed } of source.open()) arrays.push(feed.x as NdArray);
  return arrays;
}

const floats = (dims: number[], ...data: number[]) => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
});
const six = Float32Array.of(1, 2, 3, 4, 5, 6);

describe('the npy reader', () => {
  it('cuts an array into samples on axis 0', async () => {
    const source = await open(['<f4', [3, 2], six], ['float32', 'n', 2]);
    expect([source.label, source.length, source.preprocess]).toEqual(['x.npy', 3, 'as stored']);
    const arrays = [floats([1, 2], 1, 2), floats([1, 2], 3, 4), floats([1, 2], 5, 6)];
    expect(await arraysOf(source)).toEqual(arrays);
    // Any number of times.
    expect(await arraysOf(source)).toEqual(arrays);
  });

  it('takes an array of the rank of one sample as one', async () => {
    const source = await open(['<f4', [3, 2], six], ['float32', 'n', 3, 2]);
    expect(await arraysOf(source)).toEqual([floats([1, 3, 2], ...six)]);
  });

  it('reads float64 and float16 into a float32 input', async () => {
    const double = await open(['<f8', [2, 1], Float64Array.of(0.1, 2)], ['float32', 'n', 1]);
    expect(await arraysOf(double)).toEqual([floats([1, 1], 0.1), floats([1, 1], 2)]);
    const half = await open(['<f2', [2, 1], Uint16Array.of(0x3c00, 0xc100)], ['float32', 'n', 1]);
    expect(await arraysOf(half)).toEqual([floats([1, 1], 1), floats([1, 1], -2.5)]);
  });

  it('reads integers into an input of their type, untouched', async () => {
    const source = await open(['<i8', [2, 1], BigInt64Array.of(2n ** 60n, -1n)], ['int64', 'n', 1]);
    expect((await arraysOf(source)).map(({ data }) => data)).toEqual([
      BigInt64Array.of(2n ** 60n),
      BigInt64Array.of(-1n),
    ]);
  });

  it('reads integers into a float input once it is said how', async () => {
    const how = { ...raw, scale: 1 / 4, mean: [1], std: [2] };
    const source = await open(['|u1', [2, 1, 1, 2], Uint8Array.of(0, 4, 8, 255)], ['float32', 'n', 2, 1, 1], {
      preprocess: how,
    });
    expect(source.preprocess).toBe('--preprocess none');
    // (x/4 − 1)/2
    expect(await arraysOf(source)).toEqual([
      floats([1, 2, 1, 1], -0.5, 0),
      floats([1, 2, 1, 1], 0.5, 31.375),
    ]);
  });

  it('chooses samples by the seed, the same ones each time', async () => {
    const twenty = Float32Array.from({ length: 20 }, (_, i) => i);
    const chosen = async (seed: number) => {
      const source = await open(['<f4', [20, 1], twenty], ['float32', 'n', 1], { samples: 6, seed });
      expect(source.length).toBe(6);
      return (await arraysOf(source)).map(({ data }) => Number(data[0]));
    };
    const first = await chosen(1);
    expect(new Set(first).size).toBe(6);
    expect(first).toEqual([...first].sort((a, b) => a - b));
    expect(await chosen(1)).toEqual(first);
    expect(await chosen(2)).not.toEqual(first);
  });

  it('reads the sample file of the repository', async () => {
    const set = await openSamples({
      path: 'examples/digits-calib.npy',
      inputs: [{ name: 'image', type: 'float32', shape: ['batch', 1, 8, 8] }],
      preprocess: { ...raw, scale: 1 / 16 },
    });
    const source = sourceOf(set, { samples: undefined, seed: 0, batchSize: 1 });
    let [count, sum] = [0, 0];
    for await (const { feed } of source.open()) {
      // The first row but one of the first image, as NumPy prints it.
      if (count === 0)
        expect([...(feed.image?.data ?? [])].slice(8, 16)).toEqual(
          [0, 0, 7, 16, 16, 12, 0, 0].map((x) => x / 16),
        );
      for (const value of (feed.image as NdArray).data as Float32Array) sum += value;
      count++;
    }
    expect([count, sum]).toEqual([256, 80460 / 16]);
  });

  const bytes = Uint8Array.of(1, 2, 3, 4);
  it.each([
    [
      'integers into floats with nothing said',
      ['|u1', [2, 2], bytes],
      ['float32', 'n', 2],
      'data-needs-preprocess',
    ],
    [
      'booleans into floats with nothing said',
      ['|b1', [2, 2], bytes],
      ['float32', 'n', 2],
      'data-needs-preprocess',
    ],
    ['floats into integers', ['<f4', [3, 2], six], ['int64', 'n', 2], 'data-type'],
    ['integers into narrower ones', ['<i8', [1, 2], new BigInt64Array(2)], ['int32', 'n', 2], 'data-type'],
    ['floats of another shape', ['<f4', [3, 2], six], ['float32', 'n', 3], 'data-shape'],
    ['integers of another shape', ['|u1', [2, 2], bytes], ['uint8', 'n', 3], 'data-shape'],
    ['floats in another layout', ['<f4', [1, 1, 2, 3], six], ['float32', 'n', 3, 1, 2], 'data-shape'],
    ['no samples', ['<f4', [0, 2], new Float32Array()], ['float32', 'n', 2], 'data-empty'],
  ] as const)('refuses %s', async (_, array, input, code) => {
    expect(await codeOf(() => open(array, input))).toBe(code);
  });

  it('feeds integers to wider ones', async () => {
    const [array] = await arraysOf(await open(['|u1', [1, 4], bytes], ['int64', 'n', 4]));
    expect(array).toEqual({ type: 'int64', dims: [1, 4], data: BigInt64Array.of(1n, 2n, 3n, 4n) });
  });

  it('refuses a format that is not known, and a path that is not there', async () => {
    const inputs = [{ name: 'x', type: 'float32', shape: ['n'] }];
    expect(await codeOf(() => openSamples({ path: 'package.json', inputs }))).toBe('data-format');
    expect(await codeOf(() => openSamples({ path: 'samples.xyz', inputs }))).toBe('file-missing');
  });

  it('takes an entry of axis 0 for the whole input where that has no batch axis', async () => {
    const pictures = await open(['<f4', [3, 1, 2], six], ['float32', 1, 2]);
    expect(await arraysOf(pictures)).toEqual([
      floats([1, 2], 1, 2),
      floats([1, 2], 3, 4),
      floats([1, 2], 5, 6),
    ]);
    const scalars = await open(['<f4', [2], Float32Array.of(7, 8)], ['float32']);
    expect(await arraysOf(scalars)).toEqual([floats([], 7), floats([], 8)]);
  });

  it('reads each sample out of its place, whatever the order and the byte order', async () => {
    // Sample i of [n, 2, 3] is 6i + 3j + k; in Fortran order the file has i fastest, then j, then k.
    const n = 5;
    const value = (i: number, j: number, k: number) => 6 * i + 3 * j + k;
    const fortran = new DataView(new ArrayBuffer(n * 6 * 2));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < 2; j++) {
        for (let k = 0; k < 3; k++) fortran.setInt16(2 * (i + n * (j + 2 * k)), value(i, j, k), false);
      }
    }
    const path = join(temporaryFolder(), 'x.npy');
    writeFileSync(path, npyBytes('>i2', [n, 2, 3], fortran, true));
    const inputs = [{ name: 'x', type: 'int16', shape: ['n', 2, 3] }];
    const set = await openSamples({ path, inputs });
    for (const i of [3, 0, 4, 4, 1]) {
      const expected = Int16Array.from({ length: 6 }, (_, at) => 6 * i + at);
      expect((await set.sample(i)).x).toEqual({ type: 'int16', dims: [2, 3], data: expected });
    }
  });

  it('reads a file beyond 4 GB without holding it', async () => {
    // A sparse file: only the last sample has bytes of its own.
    const path = join(temporaryFolder(), 'x.npy');
    const size = 2 ** 20;
    const total = 4200;
    const header = npyBytes('|u1', [total, size], new Uint8Array());
    writeFileSync(path, header);
    truncateSync(path, header.length + total * size);
    const file = openSync(path, 'r+');
    writeSync(file, Uint8Array.of(1, 2, 3), 0, 3, header.length + (total - 1) * size);
    closeSync(file);
    const set = await openSamples({ path, inputs: [{ name: 'x', type: 'uint8', shape: ['n', size] }] });
    expect(set.length).toBe(total);
    const last = (await set.sample(total - 1)).x;
    expect([last?.data.length, ...(last?.data.slice(0, 4) ?? [])]).toEqual([size, 1, 2, 3, 0]);
  });

  it('says so where the file has become shorter', async () => {
    const path = join(temporaryFolder(), 'x.npy');
    const size = 2 ** 20;
    writeFileSync(path, npyBytes('|u1', [2, size], new Uint8Array(2 * size)));
    const set = await openSamples({ path, inputs: [{ name: 'x', type: 'uint8', shape: ['n', size] }] });
    truncateSync(path, size);
    expect(await codeOf(() => set.sample(1))).toBe('file-changed');
  });
});
