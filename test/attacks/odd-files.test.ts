import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLabels } from '../../calibration/labels.js';
import { openSamples } from '../../calibration/readers/readers.js';
import { readStatisticsFile } from '../../calibration/statistics-file.js';
import { readConfig } from '../../src/config/read-config.js';
import { readPlanFile } from '../../src/emit/plan-file.js';
import { loadModule as loadMetric } from '../../src/evaluate/user-metric.js';
import { HeldFile } from '../../src/files/open.js';
import { tensorBytes } from '../../src/graph/tensor.js';
import { loadModel } from '../../src/load/load-model.js';
import { readBaseline } from '../../src/report/read-baseline.js';
import { quantize } from '../../src/run/quantize.js';
import { readRecipeFile } from '../../src/search/recipe-file.js';
import { example, runIn } from '../support/command.js';
import { externalBytes, modelFolder, rawBytes, twoLayers } from '../support/external-model.js';
import { npyBytes } from '../support/npy.js';
import { expectRefusal, refusalOf } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const x = { name: 'x', type: 'float32', shape: ['n', 2] } as const;
const sample = (path: string) => openSamples({ path, inputs: [x] });

/** Every kind of file that a run takes from a stranger, by its ending and what reads it. */
const readers: readonly (readonly [
  kind: string,
  ending: string,
  read: (path: string) => Promise<unknown>,
])[] = [
  ['a model', 'onnx', loadModel],
  ['samples', 'npy', sample],
  ['archives', 'npz', sample],
  ['raw samples', 'bin', sample],
  ['tensors', 'safetensors', sample],
  ['a samples module', 'mjs', sample],
  ['a metric module', 'mjs', loadMetric],
  ['labels', 'npy', (path) => readLabels(path, { label: 'x', length: 1 })],
  ['labels as text', 'csv', (path) => readLabels(path, { label: 'x', length: 1 })],
  ['statistics', 'json', readStatisticsFile],
  ['a recipe', 'json', readRecipeFile],
  ['a plan', 'safetensors', readPlanFile],
  ['a configuration', 'json', (path) => readConfig({ path })],
  ['a baseline', 'json', readBaseline],
];

describe.skipIf(process.platform === 'win32')('what is no file', () => {
  test.each(readers)('as %s (.%s) is refused as what it is, without a wait', async (_, ending, read) => {
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, `${name}.${ending}`);
    execFileSync('mkfifo', [at('pipe')]);
    symlinkSync('/dev/zero', at('zero'));
    symlinkSync(at('pipe'), at('link'));
    mkdirSync(at('folder'));
    for (const [name, reason] of [
      ['pipe', 'it is a pipe'],
      ['link', 'it is a pipe'],
      ['zero', 'it is a device'],
      ['folder', 'it is a folder'],
    ] as const) {
      const error = await refusalOf(() => read(at(name)));
      // A folder of a name is a folder of samples all the same.
      if (name === 'folder' && error.code !== 'file-odd') continue;
      expect({ code: error.code, exit: error.exitCode }, name).toEqual({ code: 'file-odd', exit: 2 });
      expect(error.message).toContain(`${at(name)} cannot be read: ${reason}`);
    }
    await expectRefusal(() => read(at('missing')), 'file-missing', 2);
  });

  test('test data of a folder', async () => {
    const path = temporaryFolder();
    execFileSync('mkfifo', [join(path, 'input_0.pb')]);
    const decodeTensor = () => undefined as never;
    const error = await refusalOf(() => openSamples({ path, inputs: [x], decodeTensor }));
    expect(error.message).toContain('it is a pipe');
  });

  test('a file with two names is read where the user names it', async () => {
    const folder = temporaryFolder();
    copyFileSync(example('digits.onnx'), join(folder, 'a.onnx'));
    linkSync(join(folder, 'a.onnx'), join(folder, 'b.onnx'));
    expect((await loadModel(join(folder, 'b.onnx'))).path).toBe(join(folder, 'b.onnx'));
    const output = join(folder, 'b.onnx');
    await expectRefusal(() => quantize({ model: join(folder, 'a.onnx'), output }), 'output-is-input', 2);
  });

  test('an output that would be a pipe or a device', async () => {
    const output = join(temporaryFolder(), 'pipe.onnx');
    execFileSync('mkfifo', [output]);
    await expectRefusal(() => quantize({ model: example('digits.onnx'), output }), 'file-unwritable', 3);
  });
});

describe.skipIf(process.platform === 'win32')('external data', () => {
  const model = twoLayers();
  const w1 = rawBytes(model, 'w1');
  const write = () =>
    modelFolder({ 'model.onnx': externalBytes(model, { w1: { location: 'w1.bin' } }), 'w1.bin': w1 });

  test('with a second name is refused: that may stand anywhere', async () => {
    const path = write();
    await loadModel(path);
    linkSync(join(dirname(path), 'w1.bin'), join(dirname(path), 'other.bin'));
    const error = await expectRefusal(() => loadModel(path), 'external-unreadable', 2);
    expect(error.message).toContain('hard links');
  });

  test('that is a pipe is refused', async () => {
    const path = write();
    rmSync(join(dirname(path), 'w1.bin'));
    execFileSync('mkfifo', [join(dirname(path), 'w1.bin')]);
    expect((await expectRefusal(() => loadModel(path), 'external-unreadable', 2)).message).toContain(
      'a pipe',
    );
  });

  test('is read from what was opened, whatever takes its name', async () => {
    const path = write();
    const file = join(dirname(path), 'w1.bin');
    // All of it stays a range.
    const loaded = await loadModel(path, 0);
    const tensor = loaded.model.graph.initializers.get('w1');
    if (tensor?.storage.kind !== 'range') throw new Error('it is held');
    await loaded.refuseChanged();
    const secret = Buffer.alloc(tensorBytes(tensor), 0x53);
    writeFileSync(join(dirname(path), 'secret'), secret);
    rmSync(file);
    symlinkSync('secret', file);
    expect(Buffer.compare(tensor.storage.read(), w1)).toBe(0);
    await expectRefusal(() => loaded.refuseChanged(), 'file-changed', 3);
  });

  test('a link at the place of a file is not followed when it is opened', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'secret'), 's');
    symlinkSync('secret', join(folder, 'w.bin'));
    expect(() => new HeldFile(join(folder, 'w.bin'))).toThrow(/ELOOP/);
    expect(new HeldFile(join(folder, 'secret')).flaw).toBeUndefined();
  });

  test('whose name leads elsewhere between the look and the read gives nothing of that', async () => {
    const path = write();
    const secret = join(temporaryFolder(), 'secret.bin');
    writeFileSync(secret, Buffer.alloc(w1.length, 0x53));
    const hook = join(temporaryFolder(), 'hook.mjs');
    writeFileSync(
      hook,
      `import fs from 'node:fs'; import promises from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
       const { realpath, stat } = promises;
       const swap = (path) => {
         if (!String(path).endsWith('w1.bin')) return;
         fs.rmSync(path);
         fs.symlinkSync(${JSON.stringify(secret)}, path);
       };
       promises.realpath = async (path, ...rest) => { const found = await realpath(path, ...rest); swap(path); return found; };
       promises.stat = async (path, ...rest) => { const found = await stat(path, ...rest); swap(path); return found; };
       syncBuiltinESMExports();`,
    );
    const output = join(dirname(path), 'q.onnx');
    const env = { NODE_OPTIONS: `--import ${hook}` };
    const { code, stderr } = await runIn(dirname(path), [path, '-o', output], env);
    expect(code).toBe(2);
    expect(stderr).toContain('too many symbolic links');
    expect(readdirSync(dirname(path))).not.toContain('q.onnx');
  });
});

describe('a file that changes during the run is said to have changed', () => {
  test('samples', async () => {
    const path = join(temporaryFolder(), 'x.npy');
    // Larger than what one read takes.
    writeFileSync(path, npyBytes('<f4', [2 ** 18, 2], new Uint8Array(2 ** 21)));
    const set = await sample(path);
    await set.sample(0);
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    await expectRefusal(() => set.sample(set.length - 1), 'file-changed', 3);
  });

  test('the model', async () => {
    const path = join(temporaryFolder(), 'm.onnx');
    copyFileSync(example('digits.onnx'), path);
    const touch = (step: string) => {
      if (step === 'evaluate') utimesSync(path, new Date(), new Date(Date.now() + 5000));
    };
    const output = join(dirname(path), 'q.onnx');
    await expectRefusal(() => quantize({ model: path, output, onStep: touch }), 'file-changed', 3);
    expect(readdirSync(dirname(path))).toEqual(['m.onnx']);
    await quantize({ model: path, output });
    expect(readdirSync(dirname(path))).toEqual(['m.onnx', 'q.onnx']);
  });
});
