import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isSystemError, QuantizeError } from '../../src/errors.js';
import { encodeModel } from '../../src/proto/encode.js';
import { ActivationStore } from '../../src/refine/activation-store.js';
import { quantize } from '../../src/run/quantize.js';
import { twoLayers } from '../support/external-model.js';
import { withFaults } from '../support/file-faults.js';
import { npyBytes } from '../support/npy.js';
import { expectRefusal } from '../support/refusal.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const before = process.env.TMPDIR;
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});

/** A run with samples; gives the folder of its files. */
function job() {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('m.onnx'), encodeModel(twoLayers()));
  writeFileSync(
    at('x.npy'),
    npyBytes(
      '<f4',
      [8, 4],
      Float32Array.from({ length: 32 }, (_, i) => i / 16 - 1),
    ),
  );
  mkdirSync(at('tmp'));
  return { at, options: { model: at('m.onnx'), data: at('x.npy'), output: at('q.onnx') } };
}

const array = { type: 'float32', dims: [4], data: Float32Array.of(1, 2, 3, 4) } as const;

describe.skipIf(process.platform === 'win32')('the folder of temporary files', () => {
  test.each(['is missing', 'is a file'])(
    '%s: exit code 3 with its name, and nothing is written',
    async (what) => {
      const { at, options } = job();
      const path = what === 'is a file' ? at('x.npy') : at('nowhere');
      process.env.TMPDIR = path;
      const error = await expectRefusal(() => quantize(options), 'temporary-failed', 3);
      expect(error.message).toContain(path);
      expect(existsSync(at('q.onnx'))).toBe(false);
      const store = new ActivationStore(0);
      expect((await expectRefusal(() => store.put('a', array), 'temporary-failed', 3)).message).toContain(
        path,
      );
      process.env.TMPDIR = at('tmp');
      await quantize(options);
      expect(readdirSync(at('tmp'))).toEqual([]);
    },
  );

  test('is full: exit code 3 with its name', async () => {
    const { at } = job();
    process.env.TMPDIR = at('tmp');
    const store = new ActivationStore(0);
    store.put('a', array);
    // The device that is always full takes the place of the next file.
    const [folder = ''] = readdirSync(at('tmp'));
    const { symlinkSync } = await import('node:fs');
    symlinkSync('/dev/full', join(at('tmp'), folder, '1'));
    const error = await expectRefusal(() => store.put('b', array), 'temporary-failed', 3);
    expect(error.message).toContain('ENOSPC');
    store.clear();
    expect(readdirSync(at('tmp'))).toEqual([]);
  });

  test('is emptied by somebody: the run ends well, or in exit code 3', async () => {
    const { at, options } = job();
    process.env.TMPDIR = at('tmp');
    const empty = () => {
      for (const name of readdirSync(at('tmp')))
        rmSync(join(at('tmp'), name), { recursive: true, force: true });
    };
    const outcome = await quantize({ ...options, onStep: empty, onProgress: empty }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (outcome !== undefined) {
      const code = outcome instanceof QuantizeError ? outcome.exitCode : isSystemError(outcome) ? 3 : 70;
      expect(code, String(outcome)).toBe(3);
    }
    expect(existsSync(at('q.onnx'))).toBe(outcome === undefined);
    const store = new ActivationStore(0);
    store.put('a', array);
    empty();
    await expectRefusal(() => store.get('a'), 'temporary-failed', 3);
  });

  test('cannot be cleaned up: the result is the same', async () => {
    const { at, options } = job();
    process.env.TMPDIR = at('tmp');
    const isOurs = (path: string) => path.startsWith(at('tmp'));
    const removals = await withFaults(-1, isOurs, async ({ operations }) => {
      await quantize(options);
      return operations.flatMap((name, place) => (name === 'rmSync' ? [place] : []));
    });
    expect(removals.length).toBeGreaterThan(0);
    for (const place of removals)
      expect((await withFaults(place, isOurs, () => quantize(options))).quantized.name).toBe('q.onnx');
  });
});
