import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { reportedPlan } from '../../src/emit/emit-plan.js';
import { withWritten } from '../../src/emit/write-model.js';
import { defaultLimits } from '../../src/load/limits.js';
import { withModel } from '../../src/load/with-model.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { withSession } from '../../src/runtime/session.js';
import { randomFeed } from '../support/graph-builder.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { expectRefusal } from '../support/refusal.js';
import { runIn } from '../support/sessions.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const net = new Net();
net.input('x', [1, 64]);
net.gemm(net.node('Relu', [net.gemm('x', 'h', 64, 64)], 'r'), 'y', 64, 3);
const { emitted, plan, bytes } = await quantizeModel(finish(net, 'y'), { activations: { kind: 'float' } });
const emit = async () => ({ emitted, plan: reportedPlan(plan, emitted.model) });
const feed = randomFeed('x', [1, 64], 2);
const expected = await runIn('default', emitted.model, feed);
const settings = { mode: 'default', threads: 1 } as const;

const one = { ...defaultLimits, heldBytes: 1024 };
const two = { ...one, fileBytes: 4096 };

describe('on disk', () => {
  test.each([
    ['one file', one, ['q.onnx']],
    ['two files', two, ['q.onnx', 'q.onnx.data']],
  ])('%s, whose model stands in them', async (_, limits, names) => {
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
    const sizeBytes = await withWritten(emit, { output, onDisk: true, limits }, async (written) => {
      const weight = [...written.emitted.model.graph.initializers.values()].find(
        ({ dims, dataType }) => dataType === 'int8' && dims[0] === 64 && dims[1] === 64,
      );
      expect(weight?.storage).toMatchObject({ kind: 'range', length: 4096 });
      // The bytes of the range are those of the weight.
      expect(encodeModel(written.emitted.model)).toEqual(bytes);
      expect(await withModel(written.emitted.model, settings, (session) => session.run(feed))).toEqual(
        expected,
      );
      expect(await withSession(written.source, settings, (session) => session.run(feed))).toEqual(expected);
      expect(readdirSync(folder).every((name) => name.startsWith('.q.onnx.'))).toBe(true);
      await written.commit();
      return written.sizeBytes;
    });
    expect(readdirSync(folder)).toEqual(names);
    const sizes = names.map((name) => statSync(join(folder, name)).size);
    expect(sizes.reduce((a, b) => a + b)).toBe(sizeBytes);
    expect(await withSession(output, settings, (session) => session.run(feed))).toEqual(expected);
  });

  test('small tensors stay in the .onnx file', async () => {
    const output = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output, onDisk: true, limits: two }, ({ commit }) => commit());
    const kinds = [...decodeModel(readFileSync(output)).graph.initializers.values()].map(
      ({ dims, storage }) => [dims.join('×'), storage.kind],
    );
    expect(kinds).toContainEqual(['64×64', 'external']);
    expect(kinds).toContainEqual(['64', 'raw']);
    expect(readFileSync(output).byteLength).toBeLessThan(4096);
    expect(statSync(`${output}.data`).size).toBe(4096);
  });

  test('the file is the same as that written in memory', async () => {
    const output = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output, onDisk: false, limits: one }, async (written) => {
      expect(written.source).toEqual(bytes);
      await written.commit();
    });
    const other = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output: other, onDisk: true, limits: one }, ({ commit }) => commit());
    expect(readFileSync(other).equals(readFileSync(output))).toBe(true);
  });
});

describe('a failure leaves what is there', () => {
  const write = (output: string, before: () => void) =>
    withWritten(emit, { output, onDisk: true, limits: two }, async ({ commit }) => {
      before();
      await commit();
    });

  test('before the commit', async () => {
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
    writeFileSync(output, 'old');
    writeFileSync(`${output}.data`, 'old data');
    const failing = write(output, () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(readdirSync(folder)).toEqual(['q.onnx', 'q.onnx.data']);
    expect(readFileSync(output, 'utf8')).toBe('old');
    expect(readFileSync(`${output}.data`, 'utf8')).toBe('old data');
  });

  test.each([['old data'], [undefined]])('between the two files, with %s', async (data) => {
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
    if (data) writeFileSync(`${output}.data`, data);
    await expectRefusal(
      // A folder with something in it cannot be replaced by a file.
      () =>
        write(output, () => {
          mkdirSync(output);
          writeFileSync(join(output, 'inside'), 'old');
        }),
      'file-unwritable',
      3,
    );
    expect(readdirSync(folder)).toEqual(data ? ['q.onnx', 'q.onnx.data'] : ['q.onnx']);
    if (data) expect(readFileSync(`${output}.data`, 'utf8')).toBe(data);
  });

  test('both are replaced where all goes well', async () => {
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
    writeFileSync(output, 'old');
    writeFileSync(`${output}.data`, 'old data');
    await write(output, () => {});
    expect(readdirSync(folder)).toEqual(['q.onnx', 'q.onnx.data']);
    expect(await withSession(output, settings, (session) => session.run(feed))).toEqual(expected);
  });
});
