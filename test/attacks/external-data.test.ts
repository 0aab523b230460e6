import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../src/load/load-model.js';
import { type Entries, externalBytes, modelFolder, rawBytes, twoLayers } from '../support/external-model.js';
import { encodeGraph } from '../support/odd-model.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFile } from '../support/temporary-file.js';

const model = twoLayers();
const w1 = rawBytes(model, 'w1');

/** model.onnx, whose w1 stands where the entries say, and w1.bin beside it. */
const write = (entries: Entries) =>
  modelFolder({ 'model.onnx': externalBytes(model, { w1: entries }), 'w1.bin': w1 });

async function expectRead(path: string): Promise<void> {
  const loaded = await loadModel(path);
  expect(Buffer.compare(rawBytes(loaded.model, 'w1'), w1)).toBe(0);
}

async function expectOutside(path: string): Promise<void> {
  const error = await expectRefusal(() => loadModel(path), 'external-outside', 2);
  expect(error.message).toContain('model.onnx keeps tensor "w1" in ');
}

describe('a location', () => {
  test('that climbs out of the folder', async () => {
    const secret = temporaryFile('secret.bin', w1);
    const up = join('..', basename(dirname(secret)), 'secret.bin');
    await expectOutside(write({ location: up }));
    await expectOutside(write({ location: `inner/../../${basename(dirname(secret))}/secret.bin` }));
    await expectOutside(write({ location: '..' }));
    await expectRead(write({ location: 'w1.bin' }));
  });

  test('that begins with two dots as a name may', async () => {
    const bytes = externalBytes(model, { w1: { location: '..w1.bin' } });
    await expectRead(modelFolder({ 'model.onnx': bytes, '..w1.bin': w1 }));
  });

  test('that is absolute, even into the folder', async () => {
    const path = write({ location: 'w1.bin' });
    await expectRead(path);
    writeFileSync(path, externalBytes(model, { w1: { location: join(dirname(path), 'w1.bin') } }));
    await expectOutside(path);
  });

  test('that no file system takes', async () => {
    await expectRefusal(() => loadModel(write({ location: 'w1.bin\0' })), 'external-unreadable', 2);
    await expectRefusal(() => loadModel(write({ location: 'x'.repeat(9999) })), 'external-unreadable', 2);
  });

  test('that stands there twice, so that two readers could disagree', async () => {
    const file = (...entries: [string, string][]) => {
      const external_data = entries.map(([key, value]) => ({ key, value }));
      const initializer = [{ name: 'w', dims: [32], data_type: 1, data_location: 1, external_data }];
      const bytes = encodeGraph({ initializer });
      return modelFolder({ 'model.onnx': bytes, 'w1.bin': w1 });
    };
    const twice = file(['location', 'w1.bin'], ['location', '../secret.bin']);
    await expectRefusal(() => loadModel(twice), 'not-a-model', 2);
    await expect(loadModel(file(['location', 'w1.bin']))).resolves.toBeDefined();
  });
});

// Windows gives the right to make links to few.
describe.skipIf(process.platform === 'win32')('a link', () => {
  test('out of the folder', async () => {
    const secret = temporaryFile('secret.bin', w1);
    const path = write({ location: 'link.bin' });
    symlinkSync(secret, join(dirname(path), 'link.bin'));
    await expectOutside(path);
  });

  test('of a folder on the way', async () => {
    const secret = temporaryFile('secret.bin', w1);
    const path = write({ location: 'inner/secret.bin' });
    symlinkSync(dirname(secret), join(dirname(path), 'inner'));
    await expectOutside(path);
  });

  test('that stays inside', async () => {
    const path = write({ location: 'link.bin' });
    symlinkSync('w1.bin', join(dirname(path), 'link.bin'));
    await expectRead(path);
  });

  test('beside the one that the model is, both into one folder of a cache', async () => {
    const blobs = write({ location: 'data' });
    const path = join(dirname(blobs), 'snapshot', 'model.onnx');
    mkdirSync(dirname(path));
    copyFileSync(blobs, join(dirname(blobs), 'blob'));
    symlinkSync('../blob', path);
    symlinkSync('../w1.bin', join(dirname(path), 'data'));
    await expectRead(path);
  });
});

describe('a range', () => {
  const at = (entries: Entries) => write({ location: 'w1.bin', ...entries });

  test.each<[string, Entries]>([
    ['of a huge offset', { offset: 2 ** 52, length: 128 }],
    ['of an offset beyond 2^53', { offset: '9223372036854775807', length: 128 }],
    ['whose end overflows 64 bits', { offset: '18446744073709551600', length: '144' }],
    ['of a huge length', { length: 2 ** 40 }],
    ['in other digits', { offset: '0x0' }],
    ['in no digits', { offset: '' }],
  ])('%s', async (_, entries) => {
    await expectRefusal(() => loadModel(at(entries)), 'external-range', 2);
  });

  test('that is the whole file', async () => {
    await expectRead(at({ offset: 0, length: 128 }));
  });
});

test('a shape beyond all memory takes none', async () => {
  const file = (dims: number[]) => {
    const external_data = [{ key: 'location', value: 'w1.bin' }];
    const initializer = [{ name: 'w', dims, data_type: 1, data_location: 1, external_data }];
    const bytes = encodeGraph({ initializer });
    return modelFolder({ 'model.onnx': bytes, 'w1.bin': w1 });
  };
  await expectRefusal(() => loadModel(file(Array(30).fill(2 ** 50))), 'external-range', 2);
  await expectRefusal(() => loadModel(file([...Array(30).fill(2 ** 50), 0])), 'external-range', 2);
  await expect(loadModel(file([32]))).resolves.toBeDefined();
});
