import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withCommit } from '../../src/emit/commit.js';
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

const DATA = 'q-<hash>.onnx.data';
const withHash = (names: readonly string[]) =>
  names.map((name) => name.replace(/-[0-9a-f]{16}\./, '-<hash>.'));

const one = { ...defaultLimits, heldBytes: 1024 };
const two = { ...one, fileBytes: 4096 };

describe('on disk', () => {
  test.each([
    ['one file', one, ['q.onnx']],
    ['two files', two, [DATA, 'q.onnx']],
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
      expect(readdirSync(folder).every((name) => name.startsWith('.quantize-'))).toBe(true);
      await withCommit(written.addTo);
      return written.sizeBytes;
    });
    expect(withHash(readdirSync(folder))).toEqual(names);
    const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    expect(sizes.reduce((a, b) => a + b)).toBe(sizeBytes);
    expect(await withSession(output, settings, (session) => session.run(feed))).toEqual(expected);
  });

  test('small tensors stay in the .onnx file', async () => {
    const output = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output, onDisk: true, limits: two }, ({ addTo }) => withCommit(addTo));
    const kinds = [...decodeModel(readFileSync(output)).graph.initializers.values()].map(
      ({ dims, storage }) => [dims.join('×'), storage.kind],
    );
    expect(kinds).toContainEqual(['64×64', 'external']);
    expect(kinds).toContainEqual(['64', 'raw']);
    expect(readFileSync(output).byteLength).toBeLessThan(4096);
    const data = readdirSync(dirname(output)).find((name) => name.endsWith('.data')) ?? '';
    expect(statSync(join(dirname(output), data)).size).toBe(4096);
  });

  test('the file is the same as that written in memory', async () => {
    const output = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output, onDisk: false, limits: one }, async (written) => {
      expect(written.source).toEqual(bytes);
      await withCommit(written.addTo);
    });
    const other = join(temporaryFolder(), 'q.onnx');
    await withWritten(emit, { output: other, onDisk: true, limits: one }, ({ addTo }) => withCommit(addTo));
    expect(readFileSync(other).equals(readFileSync(output))).toBe(true);
  });
});

const model = (folder: string, name = 'q.onnx') =>
  withSession(join(folder, name), settings, (session) => session.run(feed));

/** Another model at q.onnx, which has its data in a second file, too. */
async function older(folder: string) {
  const g = new Net();
  g.input('x', [1, 64]);
  g.gemm('x', 'y', 64, 32);
  const other = await quantizeModel(finish(g, 'y'), { activations: { kind: 'float' } });
  const give = async () => ({
    emitted: other.emitted,
    plan: reportedPlan(other.plan, other.emitted.model),
  });
  const output = join(folder, 'q.onnx');
  await withWritten(give, { output, onDisk: true, limits: two }, ({ addTo }) => withCommit(addTo));
  return { names: readdirSync(folder), outputs: await model(folder) };
}

describe('two files in the place of two others', () => {
  const write = (output: string, before: () => void) =>
    withWritten(emit, { output, onDisk: true, limits: two }, async ({ addTo }) => {
      before();
      await withCommit(addTo);
    });

  test('the old data goes with the old model', async () => {
    const folder = temporaryFolder();
    const { names } = await older(folder);
    await write(join(folder, 'q.onnx'), () => {});
    expect(withHash(readdirSync(folder))).toEqual([DATA, 'q.onnx']);
    expect(readdirSync(folder)).not.toEqual(names);
    expect(await model(folder)).toEqual(expected);
  });

  test('but stays where another model of the folder names it', async () => {
    const folder = temporaryFolder();
    const { names, outputs } = await older(folder);
    copyFileSync(join(folder, 'q.onnx'), join(folder, 'copy.onnx'));
    await write(join(folder, 'q.onnx'), () => {});
    expect(readdirSync(folder)).toEqual(expect.arrayContaining([...names, 'copy.onnx']));
    expect(await model(folder, 'copy.onnx')).toEqual(outputs);
    expect(await model(folder)).toEqual(expected);
  });

  test('a failure before the commit leaves both', async () => {
    const folder = temporaryFolder();
    const { names, outputs } = await older(folder);
    const failing = write(join(folder, 'q.onnx'), () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(readdirSync(folder)).toEqual(names);
    expect(await model(folder)).toEqual(outputs);
  });

  test('a failure of the last rename takes the new data away again', async () => {
    const folder = temporaryFolder();
    const output = join(folder, 'q.onnx');
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
    expect(readdirSync(folder)).toEqual(['q.onnx']);
  });

  test('the same model again is the same files', async () => {
    const folder = temporaryFolder();
    await write(join(folder, 'q.onnx'), () => {});
    const names = readdirSync(folder);
    await write(join(folder, 'q.onnx'), () => {});
    expect(readdirSync(folder)).toEqual(names);
    expect(await model(folder)).toEqual(expected);
  });

  test('a link into another folder is refused, one into its own stays a link', async () => {
    const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()];
    symlinkSync(join(elsewhere, 'q.onnx'), join(folder, 'q.onnx'));
    const error = await expectRefusal(() => write(join(folder, 'q.onnx'), () => {}), 'file-unwritable', 3);
    expect(error.facts.reason).toContain('a link into another folder');
    expect(readdirSync(elsewhere)).toEqual([]);
    symlinkSync('q.onnx', join(elsewhere, 'latest.onnx'));
    await write(join(elsewhere, 'latest.onnx'), () => {});
    expect(withHash(readdirSync(elsewhere))).toEqual(['latest.onnx', DATA, 'q.onnx']);
    expect(await model(elsewhere, 'latest.onnx')).toEqual(expected);
  });
});
