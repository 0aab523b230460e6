import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
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

  it('refuses what is no archive', async () => {
    const path = join(temporaryFolder(), 'x.npz');
    writeFileSync(path, 'no archive');
    const request = { path, inputs, preprocess: undefined };
    expect(await codeOf(() => openSamples(request))).toBe('data-format');
  });
});
