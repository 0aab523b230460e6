import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { withBatchAxes } from '../../../calibration/batch-axis.js';
import { openSamples } from '../../../calibration/readers/readers.js';
import { sourceOf } from '../../../calibration/sample-set.js';
import { npyBytes } from '../../support/npy.js';
import { codeOf } from '../../support/random-data.js';
import { sampleFiles } from '../../support/sample-files.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const ids = npyBytes('<i8', [2, 3], BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n));
const mask = npyBytes('|b1', [2, 3], Uint8Array.of(1, 1, 0, 1, 0, 0));

const inputs = ['ids', 'mask'].map((name) => ({ name, type: 'int64', shape: ['n', 'm'] }));

function open(files: Readonly<Record<string, Uint8Array>>, compressed = true) {
  const path = join(temporaryFolder(), 'x.npz');
  writeFileSync(path, zipSync(files, { level: compressed ? 6 : 0 }));
  return openSamples({ path, inputs, preprocess: undefined });
}

describe('the npz reader', () => {
  it.each([true, false])(
    'gives each input its array, sample by sample (compressed: %s)',
    async (compressed) => {
      const set = await open({ 'ids.npy': ids, 'mask.npy': mask, 'labels.npy': mask }, compressed);
      const feeds = [];
      for await (const { feed } of sourceOf(set, { samples: undefined, seed: 0, batchSize: 1 }).open())
        feeds.push(feed);
      expect(set.length).toBe(2);
      expect(feeds[1]).toEqual({
        ids: { type: 'int64', dims: [1, 3], data: BigInt64Array.of(4n, 5n, 6n) },
        mask: { type: 'int64', dims: [1, 3], data: BigInt64Array.of(1n, 0n, 0n) },
      });
    },
  );

  it.each(['npz', 'npzDeflated'] as const)('reads what numpy.savez writes (%s)', async (name) => {
    const path = join(temporaryFolder(), 'x.npz');
    writeFileSync(path, Buffer.from(sampleFiles[name], 'base64'));
    const set = await openSamples({ path, inputs });
    expect((await set.sample(0)).ids?.data).toEqual(BigInt64Array.of(1n, 2n, 3n));
    expect((await set.sample(1)).mask?.data).toEqual(BigInt64Array.of(1n, 0n, 0n));
  });

  it('takes the only array for the only input, whatever its name', async () => {
    const path = join(temporaryFolder(), 'x.npz');
    writeFileSync(path, zipSync({ 'arr_0.npy': ids }));
    const set = await openSamples({ path, inputs: inputs.slice(0, 1) });
    expect((await set.sample(1)).ids?.data).toEqual(BigInt64Array.of(4n, 5n, 6n));
  });

  it.each([
    ['an input without an array', { 'ids.npy': ids }, 'data-input-missing'],
    [
      'arrays of different lengths',
      { 'ids.npy': ids, 'mask.npy': npyBytes('|b1', [1, 3], new Uint8Array(3)) },
      'data-lengths',
    ],
    ['an array that is no .npy', { 'ids.npy': ids, 'mask.npy': Uint8Array.of(1, 2, 3) }, 'data-format'],
  ] as const)('refuses %s', async (_, files, code) => {
    expect(await codeOf(() => open(files))).toBe(code);
  });

  /** A file of float32 arrays that count from 0, for inputs of these shapes. */
  async function openFloats(arrays: Readonly<Record<string, { dims: number[]; of: (string | number)[] }>>) {
    const path = join(temporaryFolder(), 'x.npz');
    const files = Object.entries(arrays).map(([name, { dims }]) => {
      const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i);
      return [`${name}.npy`, npyBytes('<f4', dims, data)];
    });
    writeFileSync(path, zipSync(Object.fromEntries(files)));
    const wanted = Object.entries(arrays).map(([name, { of }]) => ({ name, type: 'float32', shape: of }));
    return openSamples({ path, inputs: withBatchAxes(wanted), preprocess: undefined });
  }

  it('takes an array for the layout that has as many samples as the other inputs', async () => {
    const set = await openFloats({
      x: { dims: [2, 3, 1], of: ['time', 'batch', 1] },
      h: { dims: [1, 3, 2], of: [1, 'batch', 2] },
    });
    expect(set.length).toBe(3);
    // Time 0 of sample 1 is element 1, time 1 the one three further on.
    expect(await set.sample(1)).toEqual({
      x: { type: 'float32', dims: [2, 1], data: Float32Array.of(1, 4) },
      h: { type: 'float32', dims: [1, 2], data: Float32Array.of(2, 3) },
    });
  });

  it('refuses an array that can be read in two ways where no other input tells', async () => {
    const alone = { x: { dims: [2, 3, 1], of: ['time', 'batch', 1] } };
    expect(await codeOf(() => openFloats(alone))).toBe('data-format');
  });

  it('takes states in their own layout where the model states a batch of one', async () => {
    const set = await openFloats({
      x: { dims: [3, 4, 1], of: [1, 4, 1] },
      h: { dims: [2, 3, 2], of: [2, 1, 2] },
    });
    expect(set.length).toBe(3);
    expect((await set.sample(1)).h).toEqual({
      type: 'float32',
      dims: [2, 2],
      data: Float32Array.of(2, 3, 8, 9),
    });
  });

  it.each([
    ['number', []],
    ['list', [2]],
    ['list of one', [1]],
  ])('feeds a %s for the whole run with every sample', async (_, dims) => {
    const set = await openFloats({ x: { dims: [3, 4], of: ['batch', 4] }, rate: { dims, of: dims } });
    expect(set.length).toBe(3);
    const { rate } = await set.sample(2);
    expect(rate?.data).toEqual(Float32Array.from(dims.length === 0 ? [0] : [0, 1].slice(0, dims[0])));
  });

  it('cuts a list of a fixed batch into its samples', async () => {
    const set = await openFloats({ x: { dims: [2, 4], of: [2, 4] }, id: { dims: [2], of: [2] } });
    expect(set.length).toBe(2);
    expect((await set.sample(1)).id?.data).toEqual(Float32Array.of(1));
  });

  it('refuses what is no archive', async () => {
    const path = join(temporaryFolder(), 'x.npz');
    writeFileSync(path, 'no archive');
    const request = { path, inputs, preprocess: undefined };
    expect(await codeOf(() => openSamples(request))).toBe('data-format');
  });
});
