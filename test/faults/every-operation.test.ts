import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isSystemError, QuantizeError } from '../../src/errors.js';
import { defaultLimits } from '../../src/load/limits.js';
import { loadAnyModel } from '../../src/load/load-model.js';
import { encodeModel } from '../../src/proto/encode.js';
import { calibrate } from '../../src/run/calibrate.js';
import { quantizeWithin } from '../../src/run/quantize.js';
import { externalBytes, rawBytes, twoLayers } from '../support/external-model.js';
import { withFaults } from '../support/file-faults.js';
import { npyBytes } from '../support/npy.js';

const root = mkdtempSync(join(tmpdir(), 'quantize-faults-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const model = twoLayers();
const onDisk = { ...defaultLimits, largeBytes: 1, fileBytes: 512, heldBytes: 64 };

interface Scenario {
  readonly name: string;
  /** The outputs that it writes, by name; a data file has a name of its own. */
  readonly outputs: readonly string[];
  run(folder: string): Promise<unknown>;
}

const scenarios: readonly Scenario[] = [
  {
    name: 'a model, its plan and two reports',
    outputs: ['q.onnx', 'p.safetensors', 'r.md', 'r.json'],
    run: (folder) => {
      const at = (name: string) => join(folder, name);
      const reports = [at('r.md'), at('r.json')];
      const files = { model: at('m.onnx'), output: at('q.onnx'), savePlan: at('p.safetensors'), reports };
      return quantizeWithin({ ...files, data: at('x.npy') }, defaultLimits);
    },
  },
  {
    name: 'a model with external data, by way of the disk',
    outputs: ['q.onnx', 'r.md'],
    run: (folder) => {
      const at = (name: string) => join(folder, name);
      return quantizeWithin({ model: at('e.onnx'), output: at('q.onnx'), reports: [at('r.md')] }, onDisk);
    },
  },
  {
    name: 'statistics',
    outputs: ['s.json'],
    run: (folder) => {
      const at = (name: string) => join(folder, name);
      return calibrate({ model: at('m.onnx'), data: at('x.npy'), output: at('s.json') });
    },
  },
];

/** Every operation by `npm run faults`; a part of them in CI. */
const STEP = Number(process.env.FAULT_STEP ?? 6);

const OLD = 'what was there before';

/** A folder with the inputs, and something at the place of every output. */
function prepared(name: string, outputs: readonly string[]): string {
  const folder = join(root, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'm.onnx'), encodeModel(model));
  writeFileSync(join(folder, 'e.onnx'), externalBytes(model, { w1: { location: 'w1.bin' } }));
  writeFileSync(join(folder, 'w1.bin'), rawBytes(model, 'w1'));
  const numbers = Float32Array.from({ length: 32 }, (_, i) => i / 16 - 1);
  writeFileSync(join(folder, 'x.npy'), npyBytes('<f4', [8, 4], numbers));
  for (const output of outputs) writeFileSync(join(folder, output), OLD);
  return folder;
}

const inputs = ['e.onnx', 'm.onnx', 'w1.bin', 'x.npy'];
const isTemporary = (name: string) => name.startsWith('.quantize-');

/** How often each end was met: the table of docs/security.md. */
const counts = { faults: 0, told: 0, harmless: 0 };
afterAll(() => console.log(`faults: ${JSON.stringify(counts)}`));

describe.each(scenarios)('$name', ({ name, outputs, run }) => {
  const short = name.replace(/\W+/g, '-');
  const ours = (path: string) => path.startsWith(root) || path.startsWith(join(root, short));

  test('whatever operation on files fails, all outputs are the old ones or all are the new ones', {
    timeout: 1_800_000,
  }, async () => {
    const folder = prepared(short, outputs);
    const total = await withFaults(-1, ours, async ({ operations }) => {
      await run(folder);
      return operations.length;
    });
    expect(total).toBeGreaterThan(15);
    for (let n = 0; n < total; n += STEP) {
      prepared(short, outputs);
      const { outcome, failed } = await withFaults(n, ours, async ({ operations }) => {
        const ended = await run(folder).then(
          () => 'done' as const,
          (thrown: unknown) => thrown,
        );
        return { outcome: ended, failed: operations[n] ?? 'nothing' };
      });
      const at = `operation ${n} of ${total}, ${failed}`;
      counts.faults++;
      const found = readdirSync(folder);
      const isOld = (output: string) => readFileSync(join(folder, output), 'utf8') === OLD;
      // Nothing is lost, whatever comes of it.
      expect(found, at).toEqual(expect.arrayContaining([...inputs, ...outputs]));
      if (outcome === 'done') {
        counts.harmless++;
        expect(outputs.filter(isOld), at).toEqual([]);
        if (outputs.includes('q.onnx')) await loadAnyModel(join(folder, 'q.onnx'));
      } else {
        counts.told++;
        // The command tells what the system says by itself as exit code 3.
        const code = outcome instanceof QuantizeError ? outcome.exitCode : isSystemError(outcome) ? 3 : 70;
        expect([2, 3], `${at}: ${String(outcome)}`).toContain(code);
        expect(
          outputs.filter((output) => !isOld(output)),
          at,
        ).toEqual([]);
      }
      const removes = ['rm', 'rmSync', 'lstatSync', 'readdirSync'];
      // What cannot be removed stays for the next run.
      if (!removes.includes(failed)) expect(found.filter(isTemporary), at).toEqual([]);
    }
  });
});
