import { constants } from 'node:buffer';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { floatsOf } from '../../src/graph/tensor.js';
import { loadModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { quantize } from '../../src/run/quantize.js';
import { withSession } from '../../src/runtime/session.js';
import { type Entries, externalBytes, modelFolder, rawBytes, twoLayers } from '../support/external-model.js';
import { randomFeed, randomFloats } from '../support/graph-builder.js';
import { npyBytes } from '../support/npy.js';
import { encodeGraph } from '../support/odd-model.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';

const model = twoLayers();
const bytesOf = (name: string) => rawBytes(model, name);
const weights = Buffer.concat([bytesOf('w1'), Buffer.alloc(64, 0xff), bytesOf('w2')]);

/** w1 (128 bytes) and w2 (96 bytes) in one file with a gap between, b1 in another, b2 inline. */
const places = {
  w1: { location: 'weights.bin', offset: 0, length: 128 },
  w2: { location: 'weights.bin', offset: 192, length: 96 },
  b1: { location: 'other/b1.bin' },
};

/** The model's files, with the entries of some tensors changed. */
const write = (changed: Readonly<Record<string, Entries>> = {}) =>
  modelFolder({
    'model.onnx': externalBytes(model, { ...places, ...changed }),
    'weights.bin': weights,
    'other/b1.bin': bytesOf('b1'),
  });

test('tensors of two files and of the model itself, as one file', async () => {
  const path = write();
  const loaded = await loadModel(path);
  for (const name of ['w1', 'b1', 'w2', 'b2']) {
    expect(Buffer.compare(rawBytes(loaded.model, name), bytesOf(name)), name).toBe(0);
  }
  expect(Buffer.compare(encodeModel(loaded.model), encodeModel(model))).toBe(0);
  expect(loaded.externalFiles.map((file) => file.split(/[\\/]/).at(-1))).toEqual(['weights.bin', 'b1.bin']);
  // The gap belongs to no tensor.
  expect(loaded.sizeBytes).toBe(statSync(path).size + 128 + 96 + 32);

  const feed = randomFeed('x', [1, 4], 9);
  const fromFile = await withSession(path, { mode: 'basic', threads: 1 }, (session) => session.run(feed));
  expect((await runIn('basic', loaded.model, feed)).get('y')).toEqual(fromFile.get('y'));
});

test('a whole run writes the one file that the inline model gives', async () => {
  const path = write();
  const inline = modelFolder({ 'model.onnx': encodeModel(model) });
  const data = join(dirname(path), 'data.npy');
  writeFileSync(data, npyBytes('<f4', [16, 4], randomFloats(64, 5)));
  const output = join(dirname(path), 'out', 'q.onnx');
  mkdirSync(dirname(output));

  const result = await quantize({ model: path, output, data, threads: 1 });
  const other = await quantize({ model: inline, data, threads: 1 });
  expect(readdirSync(dirname(output))).toEqual(['q.onnx']);
  const written = readFileSync(output);
  expect(written.equals(readFileSync(join(dirname(inline), other.quantized.name)))).toBe(true);
  expect(result.float.sizeBytes).toBe(readFileSync(path).byteLength + 256);
  expect(result.outputs).toEqual(other.outputs);
});

test('a large tensor is read when it is asked for, and a file that has changed is refused then', async () => {
  const path = write();
  const loaded = await loadModel(path, 96);
  const { initializers } = loaded.model.graph;
  expect(['w1', 'w2', 'b1'].map((name) => initializers.get(name)?.storage.kind)).toEqual([
    'range',
    'range',
    'raw',
  ]);
  const w2 = initializers.get('w2') ?? expect.fail();
  expect(floatsOf(w2)).toEqual(floatsOf(model.graph.initializers.get('w2') ?? expect.fail()));
  expect(Buffer.compare(encodeModel(loaded.model), encodeModel(model))).toBe(0);
  truncateSync(join(dirname(path), 'weights.bin'), 200);
  const error = await expectRefusal(() => floatsOf(w2), 'file-changed', 3);
  expect(error.message).toContain('weights.bin has changed');
});

test('a run never writes over a file that the model reads', async () => {
  const path = write();
  const output = join(dirname(path), 'weights.bin');
  await expectRefusal(() => quantize({ model: path, output }), 'output-is-input', 2);
  expect(readFileSync(output).equals(weights)).toBe(true);
});

describe('ranges', () => {
  test.each<[string, Entries]>([
    ['without a length, to the end', { location: 'weights.bin', offset: 192 }],
    ['with a checksum', { ...places.w2, checksum: '0'.repeat(40) }],
    ['with a path through a folder', { ...places.w2, location: './other/../weights.bin' }],
  ])('%s', async (_, w2) => {
    const loaded = await loadModel(write({ w2 }));
    expect(Buffer.compare(rawBytes(loaded.model, 'w2'), bytesOf('w2'))).toBe(0);
  });

  test('one that two tensors share counts once', async () => {
    const shared = twoLayers();
    shared.graph.initializers.set('twin', shared.graph.initializers.get('w1') as never);
    const path = modelFolder({
      'model.onnx': externalBytes(shared, { w1: places.w1, twin: places.w1 }),
      'weights.bin': weights,
    });
    const { sizeBytes } = await loadModel(path);
    expect(sizeBytes).toBe(statSync(path).size + 128);
  });

  test.each<[string, Entries, string]>([
    ['too short', { ...places.w2, length: 92 }, '92 bytes there where its shape needs 96'],
    ['too long', { ...places.w2, offset: 188, length: 100 }, '100 bytes there'],
    ['of no bytes', { ...places.w2, length: 0 }, '0 bytes there'],
    ['beyond the end', { ...places.w2, offset: 196 }, 'would end at 292, the file at 288'],
    ['without a length, too much left', { location: 'weights.bin', offset: 100 }, '188 bytes there'],
    ['of a negative offset', { ...places.w2, offset: -8 }, 'offset "-8"'],
    ['of a length in words', { ...places.w2, length: 'all' }, 'length "all"'],
  ])('%s', async (_, w2, reason) => {
    const error = await expectRefusal(() => loadModel(write({ w2 })), 'external-range', 2);
    expect(error.message).toMatch(/model\.onnx keeps tensor "w2" in "weights\.bin"/);
    expect(error.message).toContain(reason);
  });

  test('strings, which no range holds', async () => {
    const words = twoLayers();
    words.graph.initializers.set('s', {
      dataType: 'string',
      dims: [0],
      storage: { kind: 'strings', values: [] },
    });
    const path = modelFolder({
      'model.onnx': externalBytes(words, { s: { location: 'weights.bin', length: 0 } }),
      'weights.bin': weights,
    });
    await expectRefusal(() => loadModel(path), 'external-range', 2);
  });
});

describe('files', () => {
  test('one that is not there', async () => {
    const path = write();
    rmSync(join(dirname(path), 'weights.bin'));
    const error = await expectRefusal(() => loadModel(path), 'external-unreadable', 2);
    expect(error.message).toContain('"w1" in "weights.bin", which cannot be read: it is not there');
  });

  test('a folder', async () => {
    const path = write({ b1: { location: 'other' } });
    const error = await expectRefusal(() => loadModel(path), 'external-unreadable', 2);
    expect(error.message).toContain('it is a folder');
  });

  test('no location at all', async () => {
    await expectRefusal(() => loadModel(write({ b1: { location: '' } })), 'external-outside', 2);
  });
});

describe('2 GB', () => {
  const huge = (elements: number) => {
    const path = modelFolder({
      'model.onnx': encodeGraph({
        initializer: [
          {
            name: 'w',
            dims: [elements],
            data_type: 3,
            data_location: 1,
            external_data: [{ key: 'location', value: 'w' }],
          },
        ],
      }),
      w: Uint8Array.of(),
    });
    // A hole: it takes no disk.
    truncateSync(join(dirname(path), 'w'), elements);
    return path;
  };

  test('of tensors and more are not held in memory', async () => {
    const { model: loaded, sizeBytes } = await loadModel(huge(2 ** 32));
    expect(loaded.graph.initializers.get('w')?.storage).toMatchObject({ kind: 'range', length: 2 ** 32 });
    expect(sizeBytes).toBeGreaterThan(2 ** 32);
  });

  test('of one tensor beyond what a buffer holds are refused', async () => {
    const error = await expectRefusal(() => loadModel(huge(constants.MAX_LENGTH + 1)), 'tensor-too-large', 2);
    expect(error.message).toContain('tensor "w" takes');
  });

  test('a little of them is read', async () => {
    await expect(loadModel(huge(2 ** 20))).resolves.toMatchObject({ externalFiles: [expect.any(String)] });
  });
});

describe('tensors that are not dense ones of the graph', () => {
  const external = {
    name: 'v',
    dims: [1],
    data_type: 3,
    data_location: 1,
    external_data: [{ key: 'location', value: 'v' }],
  };
  const inline = { name: 'v', dims: [1], data_type: 3, raw_data: Uint8Array.of(1) };
  const file = (graph: Parameters<typeof encodeGraph>[0], more: object = {}) =>
    modelFolder({
      'model.onnx': encodeGraph(graph, more),
      v: Uint8Array.of(1),
    });
  const constant = (t: object) => ({
    op_type: 'Constant',
    output: ['c'],
    attribute: [{ name: 'value', type: 4, t }],
  });

  test.each<[string, (tensor: object) => string]>([
    [
      'sparse',
      (values) => {
        const indices = { dims: [1], data_type: 7, int64_data: [8] };
        return file({ sparse_initializer: [{ values, indices, dims: [9] }] });
      },
    ],
    [
      'of an attribute with several',
      (t) => {
        const attribute = [{ name: 'a', type: 9, tensors: [t] }];
        return file({ node: [{ op_type: 'Odd', output: ['o'], attribute }] });
      },
    ],
    ['of a function', (t) => file({}, { functions: [{ name: 'f', node: [constant(t)] }] })],
  ])('%s', async (_, place) => {
    await expectRefusal(() => loadModel(place(external)), 'external-elsewhere', 2);
    await expect(loadModel(place(inline))).resolves.toBeDefined();
  });
});
