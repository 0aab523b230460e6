import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Model } from '../../src/graph/model.js';
import { floatTensor } from '../../src/graph/tensor.js';
import { loadModel } from '../../src/load/load-model.js';
import { encodedBytes, withModel } from '../../src/load/with-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { externalBytes, modelFolder, rawBytes, twoLayers } from '../support/external-model.js';
import { randomFeed, randomFloats } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

const feed = randomFeed('x', [1, 4], 3);
const settings = { mode: 'basic', threads: 1 } as const;
const model = twoLayers();
const run = (built: Model, limit?: number) =>
  withModel(built, settings, async (session) => (await session.run(feed)).get('y'), limit);

/** Two layers with weights in a file beside the model and one in a folder below; nothing is held in memory. */
async function ranged(): Promise<{ path: string; model: Model }> {
  const path = modelFolder({
    'model.onnx': externalBytes(model, {
      w1: { location: 'w1.bin' },
      w2: { location: 'deep/er/w2.bin' },
    }),
    'w1.bin': rawBytes(model, 'w1'),
    'deep/er/w2.bin': rawBytes(model, 'w2'),
  });
  return { path, model: (await loadModel(path, 1)).model };
}

const expected = await runIn('basic', model, feed).then((outputs) => outputs.get('y'));

test('the runtime reads tensors from where they are', async () => {
  const { path, model: loaded } = await ranged();
  expect(loaded.graph.initializers.get('w2')?.storage.kind).toBe('range');
  expect(await run(loaded)).toEqual(expected);
  // It is the file that counts, not a copy.
  rmSync(join(dirname(path), 'w1.bin'));
  await expect(run(loaded)).rejects.toMatchObject({ code: 'runtime-refused' });
});

test('a model that is a link has its data beside the link, or beside the file', async () => {
  const { path } = await ranged();
  const elsewhere = join(dirname(path), 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(path, join(elsewhere, 'link.onnx'));
  symlinkSync(join(dirname(path), 'w1.bin'), join(elsewhere, 'w1.bin'));
  symlinkSync(join(dirname(path), 'deep'), join(elsewhere, 'deep'));
  const { model: loaded } = await loadModel(join(elsewhere, 'link.onnx'), 1);
  expect(await run(loaded)).toEqual(expected);
});

/** Two layers with a matrix of 64 kB that does nothing. */
function large(): Model {
  const built = twoLayers();
  built.graph.initializers.set('unread', floatTensor('float32', [128, 128], randomFloats(128 ** 2, 8)));
  return built;
}

test('what does not fit into one message goes through a temporary file, and the file is gone', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('onnx-quantize-with-'));
  const before = left();
  expect(await run(large(), 4096)).toEqual(expected);
  await expect(run({ ...large(), opsets: new Map([['', 99]]) }, 4096)).rejects.toMatchObject({
    code: 'runtime-refused',
  });
  expect(left()).toEqual(before);
});

test('tensors of the user and of the temporary file in one session', async () => {
  const { model: loaded } = await ranged();
  loaded.graph.initializers.set('unread', large().graph.initializers.get('unread') ?? expect.fail());
  expect(await run(loaded, 4096)).toEqual(expected);
});

test('the size of a file is known before it is written, from above', () => {
  const built = large();
  const size = encodeModel(built).byteLength;
  const found = encodedBytes(built, () => true);
  expect(found).toBeGreaterThanOrEqual(size);
  expect(found).toBeLessThan(size + 100 * built.graph.initializers.size);
  const unread = built.graph.initializers.get('unread');
  expect(encodedBytes(built, (tensor) => tensor !== unread)).toBe(found - 65536);
});
